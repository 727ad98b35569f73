"""`make package`: a configuration package for CfCT, with the functions' code in a bucket.

CfCT uploads templates but never code, so its template has to refer to code that is in a bucket already. Every problem
that can be known is reported before anything is uploaded.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from control_tower import archive, aws, sam
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, MAIN_REGION, Manifest
from control_tower.template import Template
from control_tower.violations import account_violations, find_violations

TEMPLATE = sam.ROOT / "template.yaml"
FORWARDER_TEMPLATE = sam.ROOT / "control_tower" / "home_region.yaml"
MANIFEST = sam.ROOT / "manifest.yaml"
OUTPUT = sam.ROOT / "dist" / "cfct"

_LARGEST_TEMPLATE = 1_000_000
"""Bytes of a template in S3, from where CfCT deploys it: CloudFormation accepts one megabyte
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the package. Returns 1 after printing what has to change first."""
    options = _parser().parse_args(arguments)
    try:
        manifest = prepare(options.manifest, options.home_region, options.merge)
        manifest = fill_in_account(manifest, options.bucket)
        with TemporaryDirectory() as folder:
            template = upload_code(sam.build(Path(folder)), options.bucket)
        files = package_files(manifest, template)
        written = archive.write_folder(options.output, files)
        zipped = None if options.merge else archive.write_zip(options.output, files)
    except PackagingError as error:
        sys.stderr.write("".join(f"{message}\n" for message in error.messages))
        return 1
    _report(manifest, files, written, zipped)
    return 0


def prepare(source: Path, home_region: str | None = None, merge: Path | None = None) -> Manifest:
    """Return the manifest to upload, except that the account ID may be the placeholder.

    Args:
        source: this repository's manifest.yaml, or an edited copy of it.
        home_region: Control Tower's, if it differs from the one in the manifest.
        merge: an existing manifest to add our resources to.

    Raises:
        PackagingError: the manifest violates a rule of CfCT or of a template.
    """
    templates = _templates()
    manifest = _read(source)
    if merge:
        if archive.NAME in merge.resolve().parts:
            raise PackagingError(
                f"Merge a manifest from outside a folder {archive.NAME}: that folder is replaced by the package."
            )
        existing = _read(merge)
        if home_region not in (None, existing.home_region):
            raise PackagingError(f"The home region in {merge} is {existing.home_region}, not {home_region}.")
        manifest = manifest.merged_into(existing, templates[MAIN])
    elif home_region:
        manifest = manifest.with_home_region(home_region)
    if manifest.home_region != MAIN_REGION:
        manifest = manifest.with_forwarder(templates[FORWARDER])
    if violations := find_violations(manifest, templates):
        raise PackagingError(*violations)
    return manifest


def fill_in_account(manifest: Manifest, bucket: str | None) -> Manifest:
    """Put the ID of the management account into the manifest, and check the bucket.

    Raises:
        PackagingError: the manifest has another account, or the bucket cannot be used.
    """
    account = aws.management_account()
    violations = account_violations(manifest, account)
    if bucket and (violation := aws.bucket_violation(bucket)):
        violations.append(violation)
    if violations:
        raise PackagingError(*violations)
    return manifest.with_account(account)


def upload_code(built: Path, bucket: str | None) -> str:
    """Upload the code, and return the template that refers to it.

    Raises:
        PackagingError: `sam package` failed, or the template is too large for CloudFormation.
    """
    template = sam.package(built, bucket)
    if local := Template(template).functions_with_local_code():
        raise PackagingError(f"`sam package` did not upload the code of {', '.join(local)}.")
    if len(template.encode()) > _LARGEST_TEMPLATE:
        raise PackagingError(f"The template is larger than {_LARGEST_TEMPLATE} bytes, which CloudFormation rejects.")
    return template


def package_files(manifest: Manifest, template: str) -> dict[str, str]:
    """Return the content of the package's files by their path."""
    files = {"manifest.yaml": manifest.text, manifest.path(MAIN): template}
    if manifest.resource(FORWARDER):
        files[manifest.path(FORWARDER)] = FORWARDER_TEMPLATE.read_text(encoding="utf-8")
    return files


def _templates() -> dict[str, Template]:
    return {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}


def _read(path: Path) -> Manifest:
    try:
        # Bytes, so that line breaks are written as they were.
        return Manifest.parse(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise PackagingError(f"Reading the manifest {path} failed: {error.__class__.__name__}.") from None


def _report(manifest: Manifest, files: dict[str, str], written: Path, zipped: Path | None) -> None:
    account, region = manifest.account(MAIN), manifest.home_region
    lines = [
        f"Made for management account {account}, home region {region}: {', '.join(files)}",
        f"Folder: {_relative(written)}",
    ]
    if zipped:
        path, bucket = _relative(zipped), f"{archive.NAME}-{account}-{region}"
        lines += [f"Zip:    {path}", f"Upload: aws s3 cp {path} s3://{bucket}/{zipped.name}"]
    else:
        lines.append("Copy the content of the folder over your configuration, review the difference, and commit it.")
    sys.stdout.write("\n".join([*lines, ""]))


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make package", description="A configuration package for CfCT.")
    parser.add_argument("--bucket", help=f"for the functions' code, in {MAIN_REGION} (default: SAM's managed one)")
    parser.add_argument(
        "--manifest", type=Path, default=MANIFEST, help="the manifest with your contacts (default: manifest.yaml)"
    )
    parser.add_argument("--merge", type=Path, help="the manifest of an existing configuration to add them to")
    parser.add_argument("--home-region", help="Control Tower's (default: the region in the manifest)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder to write to (dist/cfct)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
