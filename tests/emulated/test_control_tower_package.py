"""`make package`, and its package deployed as CfCT would deploy it.

ministack has no StackSets. A stack gets what a stack instance would get: the template from the staging bucket, the
parameters as CfCT converts them, and its capabilities.
"""

import io
import os
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from control_tower import package, sam
from control_tower.configuration import FORWARDER_TEMPLATE, TEMPLATE
from control_tower.manifest import FORWARDER, MAIN
from control_tower.template import Template
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT
from emulation.waiting import eventually
from tests.template.cfct import nag, pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, filled, with_values

CODE, ELSEWHERE, STAGING = "code-of-acme", "code-of-acme-in-ireland", "cfct-staging"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
FAST = {name: f'"{deploy.parameters()[name]}"' for name in ("PutRate", "GetRate")}


@dataclass
class Result:
    """The end of the command, and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass
class Workspace:
    """An organization with buckets, and a folder with a manifest."""

    emulation: Emulation
    folder: Path

    def make_package(
        self, *arguments: str, output: str = "output", built: Path | None = None, **environment: str
    ) -> Result:
        """Run what `make package` runs, without starting a Python for it.

        With ``built``, it packages this result of an earlier `sam build`.
        """
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as stdout:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                patch.delenv(name)
            for name, value in {**self.emulation.environment, **environment}.items():
                patch.setenv(name, value)
            patch.setattr(boto3, "DEFAULT_SESSION", None)
            if built:
                patch.setattr(sam, "build", lambda _: built)
            with redirect_stderr(io.StringIO()) as stderr:
                exit_code = package.main(self.arguments(*arguments, output=output))
        return Result(exit_code, stdout.getvalue(), stderr.getvalue())

    def arguments(self, *arguments: str, output: str = "output") -> list[str]:
        """Return the arguments of the command."""
        return ["--manifest", str(self.folder / "manifest.yaml"), "--output", str(self.folder / output), *arguments]

    def configuration(self, output: str = "output") -> Path:
        return self.folder / output / "custom-control-tower-configuration"

    def template(self, output: str = "output") -> str:
        return (self.configuration(output) / "template.yaml").read_text()

    def objects(self, bucket: str) -> list[str]:
        contents = self.emulation.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return [item["Key"] for item in contents]


@pytest.fixture(scope="module")
def workspace(shared_emulation: Emulation, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """An organization of six accounts, one of them suspended, and a filled-in manifest."""
    shared_emulation.create_accounts(5, suspended=1)
    shared_emulation.client("s3").create_bucket(Bucket=CODE)
    for bucket in (ELSEWHERE, STAGING):
        shared_emulation.client("s3", region="eu-west-1").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "manifest.yaml").write_text(with_values(filled(), FAST))
    return Workspace(shared_emulation, folder)


@pytest.fixture(scope="module")
def packaged(workspace: Workspace) -> Workspace:
    """The package for the home region us-east-1, made by the process that `make package` starts."""
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "control_tower.package", *workspace.arguments("--bucket", CODE)],
        cwd=ROOT,
        env=workspace.emulation.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert f"Made for management account {MANAGEMENT_ACCOUNT}, home region us-east-1" in process.stdout
    return workspace


# First the errors, while the buckets are empty.


def test_another_account_or_region_of_the_bucket_fails_before_anything_is_uploaded(workspace: Workspace) -> None:
    manifest = workspace.folder / "manifest-of-another-account.yaml"
    manifest.write_text(filled().replace("111122223333", "999999999999"))
    result = workspace.make_package("--bucket", ELSEWHERE, "--manifest", str(manifest))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "alternate-contacts is deployed to account 999999999999, but the management account of the organization is "
        "000000000000.",
        f"The bucket {ELSEWHERE} is in eu-west-1. Lambda needs the code in its own region, us-east-1.",
    ]
    assert result.stdout == ""
    assert [workspace.objects(bucket) for bucket in (CODE, ELSEWHERE, STAGING)] == [[], [], []]
    assert not workspace.configuration().exists()


def test_credentials_of_a_member_account_fail_before_anything_is_uploaded(workspace: Workspace) -> None:
    member = workspace.emulation.client("organizations").list_accounts()["Accounts"][-1]["Id"]
    assert member != MANAGEMENT_ACCOUNT
    result = workspace.make_package(AWS_ACCESS_KEY_ID=member)
    assert result.exit_code == 1
    assert result.stderr == (
        f"The credentials are of account {member}. Use credentials of the management account, {MANAGEMENT_ACCOUNT}.\n"
    )
    assert workspace.emulation.client("s3", account=member).list_buckets()["Buckets"] == []


def test_another_exported_home_region_fails_before_anything_is_uploaded(workspace: Workspace) -> None:
    result = workspace.make_package("--bucket", CODE, HOME_REGION="eu-west-1")
    assert result.exit_code == 1
    assert "HOME_REGION is eu-west-1 in the environment" in result.stderr
    assert workspace.objects(CODE) == []


def test_a_look_up_without_a_parameter_fails_before_anything_is_uploaded(workspace: Workspace) -> None:
    """The parameter has to be in the home region, where CfCT looks it up."""
    manifest = workspace.folder / "manifest-with-a-look-up.yaml"
    manifest.write_text(with_values(filled(), {"SecurityTitle": '"$[alfred_ssm_/contacts/title]"'}))
    workspace.emulation.client("ssm", region="us-east-1").put_parameter(
        Name="/contacts/title", Value="Security, EMEA", Type="SecureString"
    )
    result = workspace.make_package("--manifest", str(manifest), "--home-region", "eu-west-1", "--bucket", ELSEWHERE)
    assert result.exit_code == 1
    assert "the SSM parameter /contacts/title does not exist in eu-west-1." in result.stderr
    # With the parameter, only the bucket is wrong.
    result = workspace.make_package("--manifest", str(manifest), "--bucket", ELSEWHERE)
    assert result.stderr.splitlines() == [
        f"The bucket {ELSEWHERE} is in eu-west-1. Lambda needs the code in its own region, us-east-1."
    ]


# ---- the package ----------------------------------------------------------------------------------------------------


def test_the_zip_has_the_manifest_at_its_root_and_the_template_beside_it(packaged: Workspace) -> None:
    with zipfile.ZipFile(packaged.folder / "output" / "custom-control-tower-configuration.zip") as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    folder = packaged.configuration()
    assert files == {name: (folder / name).read_bytes() for name in ("manifest.yaml", "template.yaml")}
    assert files["manifest.yaml"].decode() == with_values(filled(), FAST).replace("111122223333", MANAGEMENT_ACCOUNT)
    assert pipeline.schema_violations(files["manifest.yaml"].decode()) == []
    assert pipeline.files_missing(folder) == []
    # Unquoted, twelve zeros would be the number 0.
    assert pipeline.accounts(files["manifest.yaml"].decode(), MAIN) == [MANAGEMENT_ACCOUNT]


def test_the_code_of_both_functions_is_in_the_bucket(packaged: Workspace) -> None:
    resources = Template(packaged.template()).content["Resources"]
    code = [
        resource["Properties"]["CodeUri"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert len(code) == 2
    assert sorted(code) == sorted(f"s3://{CODE}/{key}" for key in packaged.objects(CODE))


def test_the_template_is_that_of_the_repository_with_the_address_of_the_code(packaged: Workspace) -> None:
    """So what the linters accept there, in tests/template, they accept here. CfCT's pipeline runs cfn_nag."""
    template = packaged.configuration() / "template.yaml"
    content = Template.read(template).content
    assert nag.violations(content) == set()
    assert template.stat().st_size < 1_000_000
    expected = Template.read(TEMPLATE).content
    for name, resource in expected["Resources"].items():
        resource["Metadata"] = {**resource.get("Metadata", {}), "SamResourceId": name}
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = content["Resources"][name]["Properties"]["CodeUri"]
    assert content == expected


def test_a_second_package_has_the_same_template_and_merges_into_an_existing_configuration(
    packaged: Workspace, sam_build: Path
) -> None:
    """CfCT updates a StackSet whenever its template differs by a byte. Without BUCKET, SAM creates a bucket.

    ``sam_build`` is the result of another `sam build` in another folder.
    """
    existing = packaged.folder / "existing.yaml"
    existing.write_text(EXISTING)
    result = packaged.make_package(
        "--merge", str(existing), output="merged", built=sam_build / "build" / "template.yaml"
    )
    assert result.exit_code == 0, result.stderr
    folder = packaged.configuration("merged")
    # No zip: it would lack the templates of the other resources, and the Build stage would fail.
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert set(pipeline.files_missing(folder)) == {"policies/guardrails.json", "templates/network.template"}
    [bucket] = {
        item["Name"]
        for item in packaged.emulation.client("s3").list_buckets()["Buckets"]
        if item["Name"] not in (CODE, ELSEWHERE, STAGING)
    }
    ours = folder / "alternate-contacts"
    assert (ours / "template.yaml").read_text().replace(bucket, CODE) == packaged.template()
    # The home region there is eu-central-1, so that the forwarder is needed.
    assert (ours / "home_region.yaml").read_text() == FORWARDER_TEMPLATE.read_text()
    [*_, main, forwarder] = yaml.safe_load((folder / "manifest.yaml").read_text())["resources"]
    assert (main["name"], main["regions"]) == (MAIN, ["us-east-1"])
    assert (forwarder["name"], forwarder["regions"]) == (FORWARDER, ["eu-central-1"])
    assert forwarder["deployment_targets"] == main["deployment_targets"] == {"accounts": [MANAGEMENT_ACCOUNT]}


def test_with_a_bundle_the_code_is_that_of_the_release(packaged: Workspace, bundle_folder: Path) -> None:
    before = set(packaged.objects(CODE))
    result = packaged.make_package("--bucket", CODE, "--bundle", str(bundle_folder), output="released")
    assert result.exit_code == 0, result.stderr
    s3, uploaded = packaged.emulation.client("s3"), set(packaged.objects(CODE)) - before
    content = {s3.get_object(Bucket=CODE, Key=key)["Body"].read() for key in uploaded}
    assert content == {path.read_bytes() for path in bundle_folder.glob("*.zip")}
    template = packaged.template("released")
    assert {key for key in uploaded if f"CodeUri: s3://{CODE}/{key}\n" in template} == uploaded
    assert not (bundle_folder / "packaged.yaml").exists()


# ---- deployed -------------------------------------------------------------------------------------------------------


def deploy_as_cfct(workspace: Workspace, **changes: str) -> dict[str, str]:
    """Deploy the package, and return the stack's outputs."""
    manifest = (workspace.configuration() / "manifest.yaml").read_text()
    [resource] = yaml.safe_load(manifest)["resources"]
    workspace.emulation.client("s3", region="eu-west-1").upload_file(
        str(workspace.configuration() / resource["resource_file"]), STAGING, resource["resource_file"]
    )
    arrived = {**pipeline.parameters(manifest, MAIN), **changes}
    name = f"StackSet-CustomControlTower-{MAIN}"
    cloudformation: Any = workspace.emulation.client("cloudformation", region=resource["regions"][0])
    cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"https://s3.eu-west-1.amazonaws.com/{STAGING}/{resource['resource_file']}",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in arrived.items()],
        Capabilities=CAPABILITIES,
    )

    def finished() -> dict[str, Any] | None:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else dict(stack)

    stack = eventually(finished, within=60) or {}
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_the_stack_rejects_a_placeholder_too(packaged: Workspace) -> None:
    """A manifest that was written by hand has not passed our checks."""
    with pytest.raises(ClientError, match="SecurityName is missing or a placeholder"):
        deploy_as_cfct(packaged, SecurityName="REPLACE_ME")


def test_deployed_by_cfct_the_contacts_of_every_account_are_those_of_the_manifest(packaged: Workspace) -> None:
    outputs = deploy_as_cfct(packaged)
    assert outputs["BackfillSummary"].startswith("Accounts: 6 listed, 5 enqueued")
    wanted = wanted_contacts(CONTACTS)
    assert wanted["SECURITY"]["PhoneNumber"] == "+12065550103"
    eventually(lambda: list(packaged.emulation.contacts().values()) == [wanted] * 5, within=30)
