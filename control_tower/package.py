"""`make package`: a configuration package for CfCT, with the functions' code in a bucket.

CfCT uploads templates but never code, so its template has to refer to code that is in a bucket already. Every problem
that can be known is reported before anything is uploaded.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from control_tower import sam
from control_tower.archive import Output
from control_tower.aws import Aws
from control_tower.bundle import check_bundle
from control_tower.configuration import (
    ROOT,
    TEMPLATE,
    Configuration,
    merged_configuration,
    new_configuration,
    read_templates,
)
from control_tower.errors import NotVerifiedError, PackagingError
from control_tower.manifest import MAIN, MAIN_REGION
from control_tower.merge import rest
from control_tower.template import Template
from control_tower.violations import account_violations, look_ups

MANIFEST = ROOT / "manifest.yaml"
OUTPUT = ROOT / "dist" / "cfct"

_LARGEST_TEMPLATE = 1_000_000
"""Bytes of a template in S3, from where CfCT deploys it: CloudFormation accepts one megabyte
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the package. Returns 1 after printing what has to change first, and 130 if interrupted."""
    options = _parser().parse_args(arguments)
    output = Output(options.output)
    try:
        output.check(reads=[options.manifest, options.merge] if options.merge else [options.manifest])
        if options.merge:
            configuration = merged_configuration(options.manifest, options.merge, options.home_region)
        else:
            configuration = new_configuration(options.manifest, options.home_region)
        check_exported_region(configuration, options.home_region)
        released = check_bundle(options.bundle, TEMPLATE.read_text(encoding="utf-8")) if options.bundle else None
        configuration = check_with_aws(configuration, options.bucket, Aws())
        with TemporaryDirectory() as folder:
            template = upload_code(released or sam.build(Path(folder)), Path(folder), options.bucket)
        output.write(configuration.files(template), with_zip=options.merge is None)
    except PackagingError as error:
        sys.stderr.write("".join(f"{message}\n" for message in error.messages))
        return 1
    except KeyboardInterrupt:
        return 130
    _report(configuration, output, with_zip=options.merge is None)
    return 0


def check_exported_region(configuration: Configuration, home_region: str | None) -> None:
    """Compare HOME_REGION in the environment, which the commands in docs/control-tower.md use, with the manifest.

    Raises:
        PackagingError: they differ, and the option did not say which one is right.
    """
    exported = os.environ.get("HOME_REGION")
    if exported and not home_region and exported != configuration.manifest.home_region:
        raise PackagingError(
            f"HOME_REGION is {exported} in the environment, but the home region in the manifest is "
            f"{configuration.manifest.home_region}. Correct the wrong one, or unset HOME_REGION."
        )


def check_with_aws(configuration: Configuration, bucket: str | None, aws: Aws) -> Configuration:
    """Check what only AWS knows, and put the ID of the management account into the manifest.

    Raises:
        PackagingError: the account, the bucket, the home region or an SSM parameter is not the right one.
    """
    manifest = configuration.manifest
    account = aws.management_account()
    violations = account_violations(manifest, account)
    if bucket and (violation := aws.bucket_violation(bucket)):
        violations.append(violation)
    notes = [*configuration.notes]
    for check in (_home_region_violations, _look_up_violations):
        try:
            violations += check(configuration, aws)
        except NotVerifiedError as error:
            notes.append(f"Not verified: {error}")
    if violations:
        raise PackagingError(*violations)
    completed = manifest.with_account(account)
    if rest(completed) != rest(manifest) or account_violations(completed, account):
        raise PackagingError(f"Write the account of {MAIN} without an alias.")
    return replace(configuration, manifest=completed, notes=notes)


def upload_code(built: Path, folder: Path, bucket: str | None) -> str:
    """Upload the code, and return the template that refers to it.

    Args:
        built: the template that refers to the code on this machine.
        folder: for temporary files.
        bucket: in the stack's region; None is the bucket that SAM creates and manages there.

    Raises:
        PackagingError: `sam package` failed, or the template is too large for CloudFormation.
    """
    template = sam.package(built, folder, bucket)
    if local := Template(template).functions_with_local_code():
        raise PackagingError(f"`sam package` did not upload the code of {', '.join(local)}.")
    if len(template.encode()) > _LARGEST_TEMPLATE:
        raise PackagingError(f"The template is larger than {_LARGEST_TEMPLATE} bytes, which CloudFormation rejects.")
    return template


def _home_region_violations(configuration: Configuration, aws: Aws) -> list[str]:
    region = configuration.manifest.home_region
    try:
        actual = aws.home_region(region)
    except NotVerifiedError as error:
        raise NotVerifiedError(f"the home region {region}. {error}") from None
    if actual is None:
        raise NotVerifiedError(f"the home region {region}. AWS Control Tower reports no landing zone there.")
    return [] if actual == region else [f"The home region of AWS Control Tower is {actual}, not {region}."]


def _look_up_violations(configuration: Configuration, aws: Aws) -> list[str]:
    wanted = look_ups(configuration.manifest)
    region = configuration.manifest.home_region
    try:
        values = aws.parameter_values(sorted({name for _, _, name in wanted}), region)
    except NotVerifiedError as error:
        raise NotVerifiedError(f"the SSM parameters of look-ups. {error}") from None
    templates, violations = read_templates(), []
    for resource, key, name in wanted:
        if name not in values:
            violations.append(f"{key} of {resource}: the SSM parameter {name} does not exist in {region}.")
        elif violation := templates[resource].violation(key, values[name]):
            violations.append(f"The SSM parameter {name} in {region}: {violation}")
    return violations


def _report(configuration: Configuration, output: Output, *, with_zip: bool) -> None:
    manifest = configuration.manifest
    account, region = manifest.account(MAIN), manifest.home_region
    lines = [
        f"Made for management account {account}, home region {region}: {', '.join(configuration.files(''))}",
        *configuration.notes,
        f"Folder: {_relative(output.folder)}",
    ]
    if with_zip:
        path, bucket = _relative(output.zip), f"{output.folder.name}-{account}-{region}"
        lines += [f"Zip:    {path}", f"Upload: aws s3 cp {path} s3://{bucket}/{output.zip.name}"]
    else:
        lines.append("Copy the content of the folder over your configuration, review the difference, and commit it.")
    sys.stdout.write("\n".join([*lines, ""]))


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make package", description="A configuration package for CfCT.")
    parser.add_argument("--bucket", help=f"for the functions' code, in {MAIN_REGION} (default: SAM's managed one)")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="your contacts (default: manifest.yaml)")
    parser.add_argument("--merge", type=Path, help="the manifest of an existing configuration to add them to")
    parser.add_argument("--home-region", help="Control Tower's (default: the region in the manifest)")
    parser.add_argument("--bundle", type=Path, help="an unpacked bundle of a release, whose code is used")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder to write to (dist/cfct)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
