"""`make package`, and its package deployed as CfCT would deploy it.

ministack has no StackSets, so CloudFormation gets here what a stack instance gets: the template from the staging
bucket, the parameters as CfCT hands them on, and its capabilities.
"""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from control_tower.manifest import FORWARDER, MAIN
from control_tower.package import FORWARDER_TEMPLATE
from control_tower.template import Template
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT, ROOT
from emulation.waiting import eventually
from tests.emulated.conftest import SETTINGS
from tests.template.cfct import nag, pipeline
from tests.template.cfct.samples import CONTACTS, EXISTING, filled, with_values

CODE, ELSEWHERE, STAGING = "code-of-acme", "code-of-acme-in-ireland", "cfct-staging"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
FAST = {name: f'"{deploy.parameters()[name]}"' for name in ("PutRate", "GetRate")}


@dataclass
class Shop:
    """An organization with buckets, and a folder with a manifest."""

    emulation: Emulation
    folder: Path

    def make_package(self, *arguments: str, output: str = "output") -> "subprocess.CompletedProcess[str]":
        """What `make package` runs."""
        return subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "control_tower.package"),
                *("--manifest", str(self.folder / "manifest.yaml"), "--output", str(self.folder / output), *arguments),
            ],
            cwd=ROOT,
            env=self.emulation.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def configuration(self, output: str = "output") -> Path:
        return self.folder / output / "custom-control-tower-configuration"

    def template(self, output: str = "output") -> str:
        return (self.configuration(output) / "template.yaml").read_text()

    def objects(self, bucket: str) -> list[str]:
        found = self.emulation.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return [each["Key"] for each in found]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An organization of six accounts, one of them suspended, and a manifest that a user has filled in."""
    with Emulation(SETTINGS) as emulation:
        emulation.create_accounts(5, suspended=1)
        emulation.client("s3").create_bucket(Bucket=CODE)
        for bucket in (ELSEWHERE, STAGING):
            emulation.client("s3", region="eu-west-1").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
            )
        folder = tmp_path_factory.mktemp("shop")
        (folder / "manifest.yaml").write_text(with_values(filled(), FAST))
        yield Shop(emulation, folder)


@pytest.fixture(scope="module")
def packaged(shop: Shop) -> Shop:
    """The package of a Control Tower at home in us-east-1."""
    done = shop.make_package("--bucket", CODE)
    assert done.returncode == 0, done.stderr
    assert f"Made for management account {MANAGEMENT_ACCOUNT}, home region us-east-1" in done.stdout
    return shop


# The refusals come first: the buckets are still empty.


def test_a_bucket_elsewhere_and_another_account_are_refused_before_anything_is_uploaded(shop: Shop) -> None:
    chosen = shop.folder / "manifest-of-another-account.yaml"
    chosen.write_text(filled().replace("111122223333", "999999999999"))
    done = shop.make_package("--bucket", ELSEWHERE, "--manifest", str(chosen))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "alternate-contacts goes to account 999999999999, but the organization's management account is 000000000000.",
        f"The bucket {ELSEWHERE} is in eu-west-1, but Lambda takes code only from its own region, us-east-1.",
    ]
    assert done.stdout == ""
    assert [shop.objects(bucket) for bucket in (CODE, ELSEWHERE, STAGING)] == [[], [], []]
    assert not shop.configuration().exists()


# ---- the package ----------------------------------------------------------------------------------------------------


def test_the_zip_has_the_manifest_at_its_root_and_the_template_beside_it(packaged: Shop) -> None:
    with zipfile.ZipFile(packaged.folder / "output" / "custom-control-tower-configuration.zip") as zipped:
        found = {name: zipped.read(name) for name in zipped.namelist()}
    folder = packaged.configuration()
    assert found == {name: (folder / name).read_bytes() for name in ("manifest.yaml", "template.yaml")}
    assert found["manifest.yaml"].decode() == with_values(filled(), FAST).replace("111122223333", MANAGEMENT_ACCOUNT)
    assert pipeline.schema_complaints(found["manifest.yaml"].decode()) == []
    assert pipeline.files_missing(folder) == []
    # Unquoted, twelve zeros would be the number 0.
    assert pipeline.accounts(found["manifest.yaml"].decode(), MAIN) == [MANAGEMENT_ACCOUNT]


def test_all_code_is_in_the_bucket(packaged: Shop) -> None:
    resources = Template(packaged.template()).content["Resources"]
    code = [each["Properties"]["CodeUri"] for each in resources.values() if each["Type"] == "AWS::Serverless::Function"]
    assert len(code) == 2
    assert sorted(code) == sorted(f"s3://{CODE}/{key}" for key in packaged.objects(CODE))


def test_cfn_nag_cfn_lint_and_cloudformations_limits_leave_it_alone(packaged: Shop) -> None:
    template = packaged.configuration() / "template.yaml"
    assert nag.violations(Template.read(template).content) == set()
    assert template.stat().st_size < 1_000_000
    lint = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "us-east-1", "--template", str(template)]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout


def test_a_second_package_has_the_same_template_and_merges_into_an_existing_configuration(packaged: Shop) -> None:
    """CfCT updates a StackSet whenever its template differs by a byte. Without a bucket, SAM brings its own."""
    existing = packaged.folder / "existing.yaml"
    existing.write_text(EXISTING)
    done = packaged.make_package("--merge", str(existing), output="merged")
    assert done.returncode == 0, done.stderr
    folder = packaged.configuration("merged")
    # No zip: it would lack the other resources' templates, which ends the pipeline.
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert set(pipeline.files_missing(folder)) == {"policies/guardrails.json", "templates/network.template"}
    [bucket] = {
        each["Name"]
        for each in packaged.emulation.client("s3").list_buckets()["Buckets"]
        if each["Name"] not in (CODE, ELSEWHERE, STAGING)
    }
    ours = folder / "alternate-contacts"
    assert (ours / "template.yaml").read_text().replace(bucket, CODE) == packaged.template()
    # Home is in Frankfurt there, so Control Tower's events have to be forwarded.
    assert (ours / "home_region.yaml").read_text() == FORWARDER_TEMPLATE.read_text()
    [*_, main, forwarder] = yaml.safe_load((folder / "manifest.yaml").read_text())["resources"]
    assert (main["name"], main["regions"]) == (MAIN, ["us-east-1"])
    assert (forwarder["name"], forwarder["regions"]) == (FORWARDER, ["eu-central-1"])
    assert forwarder["deployment_targets"] == main["deployment_targets"] == {"accounts": [MANAGEMENT_ACCOUNT]}


# ---- deployed -------------------------------------------------------------------------------------------------------


def deployed_as_by_cfct(shop: Shop, **changes: str) -> dict[str, str]:
    """Deploy the package, and return the stack's outputs."""
    manifest = (shop.configuration() / "manifest.yaml").read_text()
    [resource] = yaml.safe_load(manifest)["resources"]
    shop.emulation.client("s3", region="eu-west-1").upload_file(
        str(shop.configuration() / resource["resource_file"]), STAGING, resource["resource_file"]
    )
    arrived = {**pipeline.parameters(manifest, MAIN), **changes}
    name = f"StackSet-CustomControlTower-{MAIN}"
    cloudformation: Any = shop.emulation.client("cloudformation", region=resource["regions"][0])
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


def test_a_forgotten_value_is_refused_by_the_stack_too(packaged: Shop) -> None:
    """Whoever writes the manifest by hand passes by our checks, but not by these."""
    with pytest.raises(ClientError, match="SecurityName is missing or a placeholder"):
        deployed_as_by_cfct(packaged, SecurityName="REPLACE_ME")


def test_deployed_by_cfct_every_account_gets_the_contacts_of_the_manifest(packaged: Shop) -> None:
    outputs = deployed_as_by_cfct(packaged)
    assert outputs["BackfillSummary"].startswith("Accounts: 6 listed, 5 enqueued")
    wanted = wanted_contacts(CONTACTS)
    assert wanted["SECURITY"]["PhoneNumber"] == "+12065550103"
    right = [wanted] * 5
    eventually(lambda: list(packaged.emulation.contacts().values()) == right, within=30)
