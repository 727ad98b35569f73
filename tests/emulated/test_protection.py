"""The service control policy of ProtectedTargetId: whom it limits, IAM enforced, and what an update does to it."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from alternate_contacts.cli.main import app
from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.emulated.caller import use_role
from tests.emulated.package import Package
from tests.fakes.contact_data import api_contact
from tools.preflight_permissions import STATEMENTS

SCP = "SERVICE_CONTROL_POLICY"
OTHER = api_contact(7000)
DENIED = "with an explicit deny in a service control policy"


class Organization:
    """The package, and an organization with a protected OU and one member in it; ``outside`` is below the root."""

    def __init__(self, emulation: Emulation, build: Path) -> None:
        self.emulation = emulation
        self.client = emulation.client("organizations")
        emulation.enable_trusted_access()
        self.inside, self.outside = emulation.create_accounts(2)
        self.root: str = self.client.list_roots()["Roots"][0]["Id"]
        self.unit = self.create_unit("protected")
        self.client.move_account(AccountId=self.inside, SourceParentId=self.root, DestinationParentId=self.unit)
        self.package = Package(emulation, build, [self.inside, self.outside])

    def create_unit(self, name: str) -> str:
        unit = self.client.create_organizational_unit(ParentId=self.root, Name=name)["OrganizationalUnit"]
        return str(unit["Id"])

    def policies(self, target: str) -> list[str]:
        """Return the names of the service control policies of a root or OU itself."""
        listed = self.client.list_policies_for_target(TargetId=target, Filter=SCP)
        return [policy["Name"] for policy in listed["Policies"]]

    def all_policies(self) -> list[str]:
        """Return the names of all service control policies of the organization."""
        return [policy["Name"] for policy in self.client.list_policies(Filter=SCP)["Policies"]]

    def update(self, **parameters: str) -> str:
        """Change parameters of the stack, and return its final status. Much faster than another `sam deploy`."""
        kept = [each["ParameterKey"] for each in self.package.stack()["Parameters"]]
        self.emulation.client("cloudformation").update_stack(
            StackName="alternate-contacts",
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": parameters[name]}
                if name in parameters
                else {"ParameterKey": name, "UsePreviousValue": True}
                for name in kept
            ],
        )
        return eventually(self._final_status, within=60)

    def failure_of(self, logical_id: str) -> str:
        """Return the reason of the last failure of a resource."""
        events = self.emulation.client("cloudformation").describe_stack_events(StackName="alternate-contacts")
        return next(
            str(event["ResourceStatusReason"])
            for event in events["StackEvents"]
            if event["LogicalResourceId"] == logical_id and event["ResourceStatus"].endswith("_FAILED")
        )

    def _final_status(self) -> str:
        status = str(self.package.stack()["StackStatus"])
        return "" if status.endswith("IN_PROGRESS") else status

    def enable_policies(self, enabled: bool) -> None:
        change = self.client.enable_policy_type if enabled else self.client.disable_policy_type
        change(RootId=self.root, PolicyType=SCP)

    def wait_until_compliant(self) -> None:
        eventually(lambda: self.package.is_compliant(*self.package.accounts), within=30)

    def administrator(self, account: str) -> Any:
        """Return the account API for an administrator of a member."""
        keys = self.emulation.assume_role(f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole")
        return self.emulation.client(
            "account",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def root_user(self, account: str) -> Any:
        """Return the account API for the root user of a member."""
        return self.emulation.client("account", account=account)


def assert_denied(account: Any, contact_type: str, **parameters: str) -> None:
    with pytest.raises(account.exceptions.AccessDeniedException, match=DENIED):
        account.put_alternate_contact(AlternateContactType=contact_type, **OTHER, **parameters)
    with pytest.raises(account.exceptions.AccessDeniedException, match=DENIED):
        account.delete_alternate_contact(AlternateContactType=contact_type, **parameters)


@pytest.fixture(scope="module")
def organization(shared_emulation: Emulation, build: Path) -> Organization:
    """OPERATIONS has the policy fill, so it is not protected."""
    organization = Organization(shared_emulation, build)
    organization.package.update(ProtectedTargetId=organization.unit, OperationsPolicy="fill")
    organization.wait_until_compliant()
    return organization


def test_the_policy_is_attached_to_the_target_alone(organization: Organization) -> None:
    assert organization.policies(organization.unit) == ["FullAWSAccess", "alternate-contacts-protection"]
    assert organization.policies(organization.root) == ["FullAWSAccess"]


def test_administrator_and_root_user_of_a_member_are_denied(organization: Organization) -> None:
    for account in (
        organization.administrator(organization.inside),
        organization.root_user(organization.inside),
    ):
        for contact_type in ("BILLING", "SECURITY"):
            assert_denied(account, contact_type)
            account.get_alternate_contact(AlternateContactType=contact_type)
    assert organization.package.is_compliant(organization.inside)


def test_a_member_keeps_a_type_that_is_not_overwritten(organization: Organization) -> None:
    account = organization.administrator(organization.inside)
    account.put_alternate_contact(AlternateContactType="OPERATIONS", **OTHER)
    organization.emulation.set_contact(organization.inside, organization.package.desired["OPERATIONS"])


def test_a_member_elsewhere_is_not_limited(organization: Organization) -> None:
    organization.administrator(organization.outside).put_alternate_contact(AlternateContactType="SECURITY", **OTHER)
    organization.package.send(organization.package.message_body(organization.outside))
    organization.wait_until_compliant()


def test_a_delegated_administrator_below_the_target_is_denied_for_every_account(organization: Organization) -> None:
    service = {"AccountId": organization.inside, "ServicePrincipal": "account.amazonaws.com"}
    organization.client.register_delegated_administrator(**service)
    account = organization.administrator(organization.inside)

    assert_denied(account, "SECURITY", AccountId=organization.outside)
    account.get_alternate_contact(AlternateContactType="SECURITY", AccountId=organization.outside)

    organization.client.deregister_delegated_administrator(**service)


def test_the_worker_is_not_denied(organization: Organization) -> None:
    changed = {**organization.package.desired["SECURITY"], "Name": "Another Name"}
    organization.emulation.set_contact(organization.inside, changed)
    organization.package.send(organization.package.message_body(organization.inside))
    organization.wait_until_compliant()


def test_preflight_checks_the_target_of_the_stack(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in organization.emulation.environment.items():
        if name.startswith("AWS_") or name == "NO_PROXY":
            monkeypatch.setenv(name, value)
    use_role(organization.emulation, monkeypatch, STATEMENTS)

    result = CliRunner().invoke(app, ["preflight", "--no-control-tower", "--json"])

    checks = {each["check"]: each for each in json.loads(result.stdout)["checks"]}
    names = ("service control policies", "protected target", "accounts below the protected target")
    assert [checks[name]["state"] for name in names] == ["ok"] * 3, result.stdout
    assert "1 active member accounts" in checks[names[2]]["message"]


def test_explain_states_what_the_account_cannot_change(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in organization.emulation.environment.items():
        monkeypatch.setenv(name, value)
    inside, outside = (
        json.loads(CliRunner().invoke(app, ["explain", account, "--json"]).stdout)
        for account in (organization.inside, organization.outside)
    )
    assert (inside["protectedBy"], inside["protectedContactTypes"]) == (organization.unit, ["BILLING", "SECURITY"])
    assert (outside["protectedBy"], outside["protectedContactTypes"]) == (None, [])


# The tests below change the stack, in this order.


def test_another_target_replaces_the_first(organization: Organization) -> None:
    other = organization.create_unit("other")
    assert organization.update(ProtectedTargetId=other) == "UPDATE_COMPLETE"
    assert organization.policies(organization.unit) == ["FullAWSAccess"]
    assert organization.policies(other) == ["FullAWSAccess", "alternate-contacts-protection"]
    organization.root_user(organization.inside).put_alternate_contact(**organization.package.desired["SECURITY"])


def test_mode_report_removes_the_policy(organization: Organization) -> None:
    assert organization.update(ProtectedTargetId=organization.unit) == "UPDATE_COMPLETE"
    assert_denied(organization.root_user(organization.inside), "SECURITY")

    assert organization.update(Mode="report") == "UPDATE_COMPLETE"

    assert organization.all_policies() == ["FullAWSAccess"]
    organization.root_user(organization.inside).put_alternate_contact(**organization.package.desired["SECURITY"])


def test_a_disabled_package_that_could_not_set_contacts_protects_nothing(organization: Organization) -> None:
    organization.emulation.set_feature_set("CONSOLIDATED_BILLING")
    assert organization.update(Mode="enforce", Enabled="false") == "UPDATE_ROLLBACK_COMPLETE"
    organization.emulation.set_feature_set("ALL")
    assert "feature set CONSOLIDATED_BILLING" in organization.failure_of("Backfill")
    assert organization.all_policies() == ["FullAWSAccess"]


def test_without_a_type_to_protect_the_update_is_rejected(organization: Organization) -> None:
    policies = {f"{name}Policy": "fill" for name in ("Billing", "Operations", "Security")}
    with pytest.raises(ClientError, match="ProtectedTargetId protects only contact types"):
        organization.update(Mode="enforce", **policies)


def test_with_policies_disabled_the_update_fails_with_the_error_of_aws_and_rolls_back(
    organization: Organization,
) -> None:
    organization.enable_policies(False)

    assert organization.update(Mode="enforce") == "UPDATE_ROLLBACK_COMPLETE"

    assert "only for enabled policy types" in organization.failure_of("ProtectionPolicy")
    assert organization.all_policies() == ["FullAWSAccess"]
    organization.enable_policies(True)
    assert organization.update(Mode="enforce") == "UPDATE_COMPLETE"
    assert_denied(organization.root_user(organization.inside), "SECURITY")
