"""Deployments to an organization that nothing was deployed to: parameters, updates and deletion."""

import re
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from emulation import deploy
from emulation.organization import Emulation
from emulation.settings import MANAGEMENT_ACCOUNT
from emulation.waiting import eventually
from tests.emulated.package import Package
from tests.fakes.contact_data import api_contact

ENABLE_TRUSTED_ACCESS = "aws organizations enable-aws-service-access --service-principal account.amazonaws.com"


def test_a_changed_contact_is_set_in_every_account_and_stays_after_deletion(emulation: Emulation, build: Path) -> None:
    accounts = [MANAGEMENT_ACCOUNT, *emulation.create_accounts(4)]
    outputs = deploy.deploy(emulation, build)
    # Without `sam`, and without a change
    package = Package.deploy(emulation, build, accounts)
    assert package.outputs == outputs
    eventually(lambda: package.is_compliant(*accounts))
    package.accounts.append(package.new_account())
    changed = {"SecurityEmailAddress": "soc@acme.test", "SecurityName": "Our SOC, all of it"}
    package.update(**changed)
    eventually(lambda: package.is_compliant(*package.accounts), within=20)

    # An update without a change succeeds and runs no backfill.
    eventually(lambda: package.message_count("AccountQueue") == 0)
    before = emulation.counts()
    package.update(**changed)
    assert emulation.counts() == before

    package.delete()
    assert package.is_compliant(*package.accounts)
    assert package.sqs.list_queues().get("QueueUrls", []) == []
    assert emulation.client("lambda").list_functions()["Functions"] == []


def test_sam_deploy_prints_why_a_parameter_is_rejected(emulation: Emulation, build: Path) -> None:
    with pytest.raises(deploy.DeploymentError, match="an email address of at most 254 characters"):
        deploy.deploy(emulation, build, parameters={"BillingEmailAddress": "billing at acme"})
    assert emulation.contacts() == {}


def create_stack(emulation: Emulation, build: Path, changes: dict[str, str], region: str = "us-east-1") -> None:
    """Make the last call of `sam deploy`, without the code of the functions.

    The template is too long for TemplateBody.
    """
    template = re.sub(r"CodeUri: \w+", "CodeUri: s3://bucket/key", (build / "build" / "template.yaml").read_text())
    s3 = emulation.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="template.yaml", Body=template)
    emulation.client("cloudformation", region=region).create_stack(
        StackName="rejected",
        TemplateURL="https://templates.s3.us-east-1.amazonaws.com/template.yaml",
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in {**deploy.parameters(), **changes}.items()
        ],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BillingEmailAddress": "jdoe@example.com"}, "not an address of example.com"),
        ({"SecurityPhoneNumber": "+316xxxx"}, "a phone number of at most 25 digits"),
        ({"SecurityName": "REPLACE_ME"}, "SecurityName is missing or a placeholder"),
        ({"OperationsTitle": "none"}, "OperationsTitle is missing or a placeholder"),
        ({"QuotaShare": "49"}, "a percentage from 50 to 100"),
        ({"PutRate": "0"}, "a whole number from 1 to 9999"),
        (dict.fromkeys(("BillingPolicy", "OperationsPolicy", "SecurityPolicy"), "ignore"), "All three contact types"),
    ],
)
def test_cloudformation_rejects_a_wrong_parameter_with_the_reason(
    emulation: Emulation, build: Path, changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        create_stack(emulation, build, changes)


def test_cloudformation_rejects_a_region_without_events(emulation: Emulation, build: Path) -> None:
    with pytest.raises(ClientError, match="Deploy this stack in us-east-1"):
        create_stack(emulation, build, {}, region="eu-west-1")


def test_a_report_changes_nothing_and_logs_what_each_policy_would_set(emulation: Emulation, build: Path) -> None:
    with_contacts, without = emulation.create_accounts(2)
    old = api_contact(7000, name="Old")
    for contact_type in ("BILLING", "OPERATIONS", "SECURITY"):
        emulation.set_contact(with_contacts, {**old, "AlternateContactType": contact_type})
    before = emulation.contacts()
    no_contact = {f"Operations{field}": "none" for field in old}
    policies = {"BillingPolicy": "fill", "OperationsPolicy": "ignore", **no_contact}
    # Trusted access is off, and a report does not enable it.
    package = Package(emulation, build, [])
    with pytest.raises(deploy.DeploymentError, match=ENABLE_TRUSTED_ACCESS):
        package.update(Mode="report", **policies)
    organizations = emulation.client("organizations")
    assert organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []
    assert emulation.counts()["GetAlternateContact"] == 0
    package.delete()

    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    package.update(Mode="report", **policies)
    missing = {"BILLING": "would_update", "OPERATIONS": "ignored", "SECURITY": "would_update"}

    def reported() -> dict[str, object]:
        lines = (line for line in package.log_lines() if line.get("message") == "account processed")
        return {line["account_id"]: line["outcomes"] for line in lines}

    expected = {MANAGEMENT_ACCOUNT: missing, without: missing, with_contacts: {**missing, "BILLING": "kept"}}
    eventually(lambda: reported() == expected)
    assert emulation.counts()["PutAlternateContact"] == 0
    assert emulation.contacts() == before

    package.update(Mode="enforce", **policies)
    desired = {name: contact for name, contact in package.desired.items() if name != "OPERATIONS"}
    kept = {name: before[with_contacts][name] for name in ("BILLING", "OPERATIONS")}
    after = {MANAGEMENT_ACCOUNT: desired, without: desired, with_contacts: {**kept, "SECURITY": desired["SECURITY"]}}
    eventually(lambda: emulation.contacts() == after)
