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
    package = Package.deploy(emulation, build, [MANAGEMENT_ACCOUNT, *emulation.create_accounts(4)])
    eventually(lambda: package.is_compliant(*package.accounts))
    package.accounts.append(package.new_account())
    changed = {"SecurityEmailAddress": "soc@acme.test", "SecurityName": "Our SOC, all of it"}
    package.update(**changed)
    eventually(lambda: package.is_compliant(*package.accounts), within=20)

    # An update without a change succeeds and runs no backfill.
    eventually(lambda: package.message_count("AccountQueue") == 0)
    before = emulation.counts()
    package.sam = True
    package.update(**changed)
    assert emulation.counts() == before

    package.delete()
    assert package.is_compliant(*package.accounts)
    assert package.sqs.list_queues().get("QueueUrls", []) == []
    assert emulation.client("lambda").list_functions()["Functions"] == []


def test_each_contact_type_follows_its_policy(emulation: Emulation, build: Path) -> None:
    with_contacts, without = emulation.create_accounts(2)
    old = api_contact(7000, name="Old")
    for contact_type in ("BILLING", "OPERATIONS", "SECURITY"):
        emulation.set_contact(with_contacts, {**old, "AlternateContactType": contact_type})
    no_contact = {f"Operations{field}": "none" for field in old}
    policies = {"BillingPolicy": "fill", "OperationsPolicy": "ignore"}
    desired = Package.deploy(emulation, build, [], **policies, **no_contact).desired
    eventually(lambda: len(emulation.contacts()) == 3 and set(emulation.contacts()[without]) == {"BILLING", "SECURITY"})
    eventually(lambda: emulation.contacts()[with_contacts]["SECURITY"] == desired["SECURITY"])
    assert emulation.contacts()[with_contacts]["BILLING"]["Name"] == "Old"
    assert emulation.contacts()[with_contacts]["OPERATIONS"]["Name"] == "Old"
    assert emulation.contacts()[without]["BILLING"] == desired["BILLING"]


def test_sam_deploy_prints_why_a_parameter_is_rejected(emulation: Emulation, build: Path) -> None:
    with pytest.raises(deploy.DeploymentError, match="an email address of at most 254 characters"):
        Package.deploy_with_sam(emulation, build, [], BillingEmailAddress="billing at acme")
    assert emulation.contacts() == {}


def create_stack(emulation: Emulation, build: Path, changes: dict[str, str], region: str = "us-east-1") -> None:
    """Make the last call of `sam deploy`, without the code of the functions."""
    template = (build / "build" / "template.yaml").read_text()
    emulation.client("cloudformation", region=region).create_stack(
        StackName="rejected",
        TemplateBody=re.sub(r"CodeUri: \w+", "CodeUri: s3://bucket/key", template),
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


def test_a_report_changes_nothing_and_logs_what_it_would_set(emulation: Emulation, build: Path) -> None:
    accounts = [MANAGEMENT_ACCOUNT, *emulation.create_accounts(2)]
    # Trusted access is off, and a report does not enable it.
    package = Package(emulation, build, accounts)
    with pytest.raises(deploy.DeploymentError, match=ENABLE_TRUSTED_ACCESS):
        package.update(Mode="report")
    organizations = emulation.client("organizations")
    assert organizations.list_aws_service_access_for_organization()["EnabledServicePrincipals"] == []
    assert emulation.counts()["GetAlternateContact"] == 0
    package.delete()

    organizations.enable_aws_service_access(ServicePrincipal="account.amazonaws.com")
    package.update(Mode="report")
    outcomes = dict.fromkeys(("BILLING", "OPERATIONS", "SECURITY"), "would_update")

    def reported() -> dict[str, object]:
        lines = (line for line in package.log_lines() if line.get("message") == "account processed")
        return {line["account_id"]: line["outcomes"] for line in lines}

    eventually(lambda: reported() == dict.fromkeys(accounts, outcomes))
    assert emulation.counts()["PutAlternateContact"] == 0
    assert emulation.contacts() == {}

    package.update(Mode="enforce")
    eventually(lambda: package.is_compliant(*accounts))
