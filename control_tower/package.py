"""`make package`: from this repository to a configuration package of CfCT, the functions' code in a bucket.

CfCT uploads templates but never code, so the template that it gets names code that is in a bucket already. Everything
that would go wrong later is refused first, before anything is uploaded.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from control_tower import archive, aws, sam
from control_tower.complaints import account_complaints, complaints
from control_tower.manifest import FORWARDER, MAIN, MAIN_REGION, Manifest
from control_tower.refusal import RefusalError
from control_tower.template import Template

TEMPLATE = sam.ROOT / "template.yaml"
FORWARDER_TEMPLATE = sam.ROOT / "control_tower" / "home_region.yaml"
MANIFEST = sam.ROOT / "manifest.yaml"
OUTPUT = sam.ROOT / "dist" / "cfct"

_LARGEST_TEMPLATE = 1_000_000
"""Bytes that CloudFormation takes from S3, where CfCT puts it: one megabyte
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the package; 1 and a sentence for each reason if it cannot be made."""
    options = _parser().parse_args(arguments)
    try:
        manifest = prepared(options.manifest, options.home_region, options.merge)
        manifest = accepted(manifest, options.bucket)
        with TemporaryDirectory() as folder:
            template = packaged(sam.build(Path(folder)), options.bucket)
        files = configuration(manifest, template)
        written = archive.write_folder(options.output, files)
        zipped = None if options.merge else archive.write_zip(options.output, files)
    except RefusalError as refused:
        sys.stderr.write("".join(f"{sentence}\n" for sentence in refused.sentences))
        return 1
    _report(manifest, files, written, zipped)
    return 0


def prepared(source: Path, home_region: str | None = None, merge: Path | None = None) -> Manifest:
    """The manifest that is to be uploaded, but for the account id.

    Args:
        source: this repository's manifest.yaml, or a copy of it, edited.
        home_region: Control Tower's, if it is not the one that the manifest names.
        merge: an existing manifest that is to have our resources too.

    Raises:
        RefusalError: something in it has to be changed.
    """
    templates = _templates()
    manifest = _read(source)
    if merge:
        if archive.NAME in merge.resolve().parts:
            raise RefusalError(f"Merge a manifest from outside a folder {archive.NAME}: that one is written anew.")
        existing = _read(merge)
        if home_region not in (None, existing.home_region):
            raise RefusalError(
                f"The manifest {merge} is of a Control Tower in {existing.home_region}, not {home_region}."
            )
        manifest = manifest.merged_into(existing, templates[MAIN])
    elif home_region:
        manifest = manifest.with_home_region(home_region)
    if manifest.home_region != MAIN_REGION:
        manifest = manifest.with_forwarder(templates[FORWARDER])
    if found := complaints(manifest, templates):
        raise RefusalError(*found)
    return manifest


def accepted(manifest: Manifest, bucket: str | None) -> Manifest:
    """The same with the management account's id, once AWS has nothing against it.

    Raises:
        RefusalError: another account, or a bucket that will not do.
    """
    account = aws.management_account()
    found = account_complaints(manifest, account)
    if bucket and (complaint := aws.bucket_complaint(bucket)):
        found.append(complaint)
    if found:
        raise RefusalError(*found)
    return manifest.with_account(account)


def packaged(built: Path, bucket: str | None) -> str:
    """The template with its code in a bucket.

    Raises:
        RefusalError: it could not be uploaded, or is too large for CloudFormation.
    """
    template = sam.package(built, bucket)
    if left := Template(template).code_left_behind():
        raise RefusalError(f"The code of {', '.join(left)} is not in a bucket, although `sam package` ran.")
    if len(template.encode()) > _LARGEST_TEMPLATE:
        raise RefusalError(f"The template is larger than CloudFormation takes: over {_LARGEST_TEMPLATE} bytes.")
    return template


def configuration(manifest: Manifest, template: str) -> dict[str, str]:
    """The files of the package, by their path in it."""
    files = {"manifest.yaml": manifest.text, manifest.path(MAIN): template}
    if manifest.resource(FORWARDER):
        files[manifest.path(FORWARDER)] = FORWARDER_TEMPLATE.read_text(encoding="utf-8")
    return files


def _templates() -> dict[str, Template]:
    return {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}


def _read(path: Path) -> Manifest:
    try:
        # Line breaks as they are, so that they are written as they were.
        return Manifest.parse(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise RefusalError(f"The manifest {path} could not be read: {error.__class__.__name__}.") from None


def _report(manifest: Manifest, files: dict[str, str], written: Path, zipped: Path | None) -> None:
    account, region = manifest.account(MAIN), manifest.home_region
    lines = [
        f"Made for management account {account}, home region {region}: {', '.join(files)}",
        f"Folder: {_from_here(written)}",
    ]
    if zipped:
        path, bucket = _from_here(zipped), f"{archive.NAME}-{account}-{region}"
        lines += [f"Zip:    {path}", f"Upload: aws s3 cp {path} s3://{bucket}/{zipped.name}"]
    else:
        lines.append("Copy the folder's content over your configuration, look at the difference, and commit it.")
    sys.stdout.write("\n".join([*lines, ""]))


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make package", description="A configuration package for CfCT.")
    parser.add_argument("--bucket", help=f"for the functions' code, in {MAIN_REGION} (default: SAM's managed one)")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="manifest.yaml with your contacts")
    parser.add_argument("--merge", type=Path, help="an existing configuration's manifest that is to have them too")
    parser.add_argument("--home-region", help="Control Tower's (default: what the manifest says)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder to write to (dist/cfct)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
