"""The bundle of a release, deployed with the commands of its page: by the AWS CLI and a bucket, in an empty folder."""

import json
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from control_tower.bundle import bundle_name
from emulation import deploy
from emulation.demo import wanted_contacts
from emulation.organization import Emulation
from emulation.settings import ROOT
from emulation.waiting import eventually
from tests.fakes.aws_command import commands

PAGE = (ROOT / "docs" / "install-bundle.md").read_text()
[CHECK, DEPLOY, _COMMAND, REASONS, REMOVE] = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PACKAGE, UPDATE, DESCRIBE = commands(DEPLOY)
BUCKET = "code-of-acme"


@dataclass
class Bundle:
    """An unpacked bundle, and the organization that it is deployed to."""

    folder: Path
    emulation: Emulation

    def run(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run commands of the page in the folder of the bundle."""
        return subprocess.run(  # noqa: S603
            ["sh", "-e", "-c", script.replace("YOUR-BUCKET", BUCKET)],  # noqa: S607
            cwd=self.folder,
            env=self.emulation.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def deploy(self) -> "subprocess.CompletedProcess[str]":
        """Run the three commands. The second leaves its change set to this process, because it waits for 30 seconds."""
        process = self.run(f"{PACKAGE}\n{UPDATE} --no-execute-changeset")
        change_set = re.search(r"arn:\S+:changeSet/\S+", process.stdout)
        if change_set is None:
            return process
        self.emulation.client("cloudformation").execute_change_set(ChangeSetName=change_set[0])
        eventually(lambda: not self.stack_status().endswith("_IN_PROGRESS"), within=60)
        return self.run(DESCRIBE)

    def stack_status(self) -> str:
        client = self.emulation.client("cloudformation")
        return str(client.describe_stacks(StackName="alternate-contacts")["Stacks"][0]["StackStatus"])

    def fill_in(self, **values: str) -> None:
        """Write contacts.json as the page says."""
        parameters = json.loads((self.folder / "parameters.json").read_text())
        filled = dict(parameter.split("=", 1) for parameter in parameters) | deploy.parameters() | values
        (self.folder / "contacts.json").write_text(json.dumps([f"{key}={value}" for key, value in filled.items()]))


@pytest.fixture(scope="module")
def bundle(shared_emulation: Emulation, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    if shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed here")
    folder = tmp_path_factory.mktemp("empty folder")
    with zipfile.ZipFile(bundle_folder.with_name(f"{bundle_folder.name}.zip")) as files:
        files.extractall(folder)
    [unpacked] = folder.iterdir()
    return Bundle(unpacked, shared_emulation)


def test_the_checksums_match(bundle: Bundle) -> None:
    checked = bundle.run(CHECK)
    assert checked.returncode == 0, checked.stderr
    files = {path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()}
    assert {line.removesuffix(": OK") for line in checked.stdout.splitlines()} == files - {"SHA256SUMS"}


def test_without_a_bucket_nothing_is_deployed(bundle: Bundle) -> None:
    bundle.fill_in()
    process = bundle.deploy()
    assert process.returncode != 0
    assert "Bucket does not exist" in process.stderr
    assert bundle.emulation.client("cloudformation").describe_stacks()["Stacks"] == []


def test_the_commands_of_the_page_set_the_contacts_of_every_account(bundle: Bundle) -> None:
    accounts = bundle.emulation.create_accounts(3)
    bundle.emulation.client("s3").create_bucket(Bucket=BUCKET)
    bundle.fill_in(SecurityTitle="SOC, Level 2")
    process = bundle.deploy()
    assert process.returncode == 0, process.stderr + bundle.run(REASONS).stdout
    version = json.loads((bundle.folder / "release.json").read_text())["version"]
    assert re.search(rf"Version +\| +{re.escape(version)} ", process.stdout)
    wanted = wanted_contacts({**deploy.parameters(), "SecurityTitle": "SOC, Level 2"})
    eventually(lambda: all(bundle.emulation.contacts().get(account) == wanted for account in accounts), within=30)


def test_the_same_release_again_uploads_no_other_code(bundle: Bundle) -> None:
    """The key of the code is the hash of its bytes. Other bytes have another key, so the stack is updated."""
    before = code_keys(bundle)
    assert len(before) == 2
    process = bundle.deploy()
    assert "No changes to deploy" in process.stdout + process.stderr
    assert code_keys(bundle) == before


def test_the_last_command_removes_the_stack(bundle: Bundle) -> None:
    process = bundle.run(REMOVE)
    assert process.returncode == 0, process.stderr
    assert bundle.emulation.client("cloudformation").describe_stacks()["Stacks"] == []
    assert bundle.emulation.contact_count() > 0


def test_the_bundle_has_one_version_in_every_place(bundle_folder: Path) -> None:
    version = json.loads((bundle_folder / "release.json").read_text())["version"]
    assert bundle_folder.name == bundle_name(version)
    assert (bundle_folder / "template.yaml").read_text().count(version) == 4  # Metadata, two zips, output
    zips = sorted(path.name for path in bundle_folder.glob("*.zip"))
    assert zips == [f"alternate-contacts-{each}-{version}.zip" for each in ("backfill", "worker")]


def code_keys(bundle: Bundle) -> set[str]:
    contents = bundle.emulation.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    return {each["Key"] for each in contents if not each["Key"].endswith(".template")}
