"""The certificate of the emulation: a certificate authority of its own, and a server certificate for 127.0.0.1.

It is made with the package `cryptography`, which the SAM command line brings along with pinned hashes, by running this
file with SAM's interpreter. The `openssl` command is not used: it differs between macOS and Linux, and small containers
do not have it.
"""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

_PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "sam" / "bin" / "python"
_VALID = timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate; `create` writes them."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate authority, for AWS_CA_BUNDLE and SSL_CERT_FILE."""
        return self.folder / "authority.pem"

    @property
    def server(self) -> Path:
        """The server certificate."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """The key of the server certificate."""
        return self.folder / "server.key"

    def create(self) -> None:
        """Write the files.

        Raises:
            RuntimeError: SAM's environment is missing or incomplete.
        """
        try:
            subprocess.run([str(_PYTHON), "-I", __file__, str(self.folder)], check=True)  # noqa: S603
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"No certificate: {error}. Run `make setup`.") from None


def main() -> None:
    """Write a new certificate into the folder on the command line."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    files = Certificate(Path(sys.argv[1]))
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name, server_name = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        for text in ("Certificate authority of the emulation", "127.0.0.1")
    )
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().issuer_name(authority_name)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + _VALID)
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())

    def usage(*, signs: bool) -> x509.KeyUsage:
        return x509.KeyUsage(not signs, False, False, False, False, signs, signs, False, False)

    authority = (
        builder.subject_name(authority_name)
        .public_key(authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        builder.subject_name(server_name)
        .public_key(server_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
        .add_extension(issuer_key_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files.authority.write_bytes(authority.public_bytes(pem))
    files.server.write_bytes(server.public_bytes(pem))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


if __name__ == "__main__":
    main()
