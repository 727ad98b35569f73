"""Service control policies: through boto3, through CloudFormation, and as a limit of member accounts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.organization import Emulation
from emulation.waiting import eventually
from tests.fakes.contact_data import api_contact

SCP = "SERVICE_CONTROL_POLICY"
FULL_ACCESS = "p-FullAWSAccess"
CONTACT = {
    "AlternateContactType": "SECURITY",
    **api_contact(1),
}


def document(resource: str = "*", effect: str = "Deny", **more: Any) -> str:
    statement = {"Effect": effect, "Action": "account:PutAlternateContact", "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Policies:
    """The policies of an organization with one OU, and one member in it."""

    def __init__(self, emulation: Emulation) -> None:
        self.client = emulation.client("organizations")
        [self.member] = emulation.create_accounts(1)
        self.root = self.client.list_roots()["Roots"][0]["Id"]
        unit = self.client.create_organizational_unit(ParentId=self.root, Name="unit")["OrganizationalUnit"]
        self.unit: str = unit["Id"]
        self.client.move_account(AccountId=self.member, SourceParentId=self.root, DestinationParentId=self.unit)

    def create(self, name: str = "deny", content: str = "", policy_type: str = SCP) -> str:
        created = self.client.create_policy(Name=name, Description="", Type=policy_type, Content=content or document())
        policy_id: str = created["Policy"]["PolicySummary"]["Id"]
        return policy_id

    def attach(self, target: str, content: str = "") -> str:
        policy_id = self.create(content=content)
        self.client.attach_policy(PolicyId=policy_id, TargetId=target)
        return policy_id

    def attached(self, target: str) -> list[str]:
        listed = self.client.list_policies_for_target(TargetId=target, Filter=SCP)
        return [policy["Id"] for policy in listed["Policies"]]


@pytest.fixture
def policies(emulation: Emulation) -> Policies:
    return Policies(emulation)


def code_of(call: Callable[[], Any]) -> tuple[str, str | None]:
    """Return the code and the reason of the error that a call raises."""
    with pytest.raises(ClientError) as error:
        call()
    response: dict[str, Any] = {**error.value.response}
    return response["Error"]["Code"], response.get("Reason")


def member_client(emulation: Emulation, member: str) -> Any:
    """Return the account API for an administrator of the member."""
    keys = emulation.assume_role(f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole")
    return emulation.client(
        "account",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_a_policy_is_attached_until_it_is_detached(policies: Policies) -> None:
    policy_id = policies.attach(policies.unit)
    assert policies.attached(policies.unit) == [FULL_ACCESS, policy_id]
    assert policies.attached(policies.member) == [FULL_ACCESS]
    [target] = policies.client.list_targets_for_policy(PolicyId=policy_id)["Targets"]
    assert (target["TargetId"], target["Type"]) == (policies.unit, "ORGANIZATIONAL_UNIT")
    assert code_of(lambda: policies.client.delete_policy(PolicyId=policy_id)) == ("PolicyInUseException", None)

    policies.client.detach_policy(PolicyId=policy_id, TargetId=policies.unit)
    policies.client.delete_policy(PolicyId=policy_id)

    assert policies.attached(policies.unit) == [FULL_ACCESS]


def test_a_target_has_at_most_ten_policies(policies: Policies) -> None:
    created = [policies.create(f"policy {number}") for number in range(10)]
    for policy_id in created[:9]:
        policies.client.attach_policy(PolicyId=policy_id, TargetId=policies.unit)

    error = code_of(lambda: policies.client.attach_policy(PolicyId=created[9], TargetId=policies.unit))

    assert error == ("ConstraintViolationException", "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED")
    policies.client.attach_policy(PolicyId=created[9], TargetId=policies.root)  # inherited policies do not count


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (document("*" * 10_240), ("ConstraintViolationException", "POLICY_CONTENT_LIMIT_EXCEEDED")),
        ("{}", ("MalformedPolicyDocumentException", None)),
        (document(Principal="*"), ("MalformedPolicyDocumentException", None)),
    ],
)
def test_an_invalid_document_is_rejected(policies: Policies, content: str, error: tuple[str, str | None]) -> None:
    policy_id = policies.create()
    assert code_of(lambda: policies.create("other", content)) == error
    assert code_of(lambda: policies.client.update_policy(PolicyId=policy_id, Content=content)) == error


def test_a_policy_is_not_attached_where_it_cannot_be(policies: Policies) -> None:
    policy_id = policies.attach(policies.unit)

    def attach(policy: str, target: str) -> tuple[str, str | None]:
        return code_of(lambda: policies.client.attach_policy(PolicyId=policy, TargetId=target))

    assert attach(policy_id, policies.unit) == ("DuplicatePolicyAttachmentException", None)
    assert attach(FULL_ACCESS, policies.unit) == ("DuplicatePolicyAttachmentException", None)
    assert attach(policy_id, "ou-abcd-12345678") == ("TargetNotFoundException", None)
    assert attach("p-12345678", policies.unit) == ("PolicyNotFoundException", None)
    assert code_of(lambda: policies.attached("ou-abcd-12345678")) == ("TargetNotFoundException", None)


def test_to_disable_policies_detaches_them(policies: Policies) -> None:
    policy_id = policies.attach(policies.unit)

    policies.client.disable_policy_type(RootId=policies.root, PolicyType=SCP)

    assert policies.client.list_roots()["Roots"][0]["PolicyTypes"] == []
    assert policies.attached(policies.unit) == []
    attach = code_of(lambda: policies.client.attach_policy(PolicyId=policy_id, TargetId=policies.unit))
    assert attach == ("PolicyTypeNotEnabledException", None)
    policies.client.enable_policy_type(RootId=policies.root, PolicyType=SCP)
    assert policies.attached(policies.unit) == [FULL_ACCESS]


@pytest.mark.parametrize("level", ["root", "unit", "member"])
def test_a_policy_limits_every_principal_of_the_accounts_below_its_target(
    emulation: Emulation, policies: Policies, level: str
) -> None:
    [other] = emulation.create_accounts(1)
    policies.attach(getattr(policies, level), document("arn:aws:account::*:account"))

    for account in (emulation.client("account", account=policies.member), member_client(emulation, policies.member)):
        with pytest.raises(account.exceptions.AccessDeniedException, match="explicit deny in a service control policy"):
            account.put_alternate_contact(**CONTACT)
        with pytest.raises(account.exceptions.ResourceNotFoundException):
            account.get_alternate_contact(AlternateContactType="SECURITY")
    emulation.client("account").put_alternate_contact(**CONTACT)  # the management account is below the root, too
    outside = emulation.client("account", account=other)
    if level == "root":
        with pytest.raises(outside.exceptions.AccessDeniedException):
            outside.put_alternate_contact(**CONTACT)
    else:
        outside.put_alternate_contact(**CONTACT)


@pytest.mark.parametrize(
    ("resource", "denied"),
    [("arn:aws:account::*:account", False), ("*", True), ("arn:aws:account::000000000000:account/o-*/*", True)],
)
def test_a_policy_limits_a_delegated_administrator_in_its_own_account(
    emulation: Emulation, policies: Policies, resource: str, denied: bool
) -> None:
    emulation.enable_trusted_access()
    [other] = emulation.create_accounts(1)
    service = {"AccountId": policies.member, "ServicePrincipal": "account.amazonaws.com"}
    policies.client.register_delegated_administrator(**service)
    account = emulation.client("account", account=policies.member)
    policies.attach(policies.unit, document(resource))

    if denied:
        with pytest.raises(account.exceptions.AccessDeniedException, match="service control policy"):
            account.put_alternate_contact(AccountId=other, **CONTACT)
    else:
        account.put_alternate_contact(AccountId=other, **CONTACT)
    emulation.client("account").put_alternate_contact(AccountId=policies.member, **CONTACT)
    policies.client.deregister_delegated_administrator(**service)
    with pytest.raises(account.exceptions.AccessDeniedException):
        account.get_alternate_contact(AccountId=other, AlternateContactType="SECURITY")


def test_who_can_be_a_delegated_administrator(emulation: Emulation) -> None:
    organizations = emulation.client("organizations")
    one, other = emulation.create_accounts(2)

    def register(account: str) -> tuple[str, str | None]:
        return code_of(
            lambda: organizations.register_delegated_administrator(
                AccountId=account, ServicePrincipal="account.amazonaws.com"
            )
        )

    assert register(one) == ("ConstraintViolationException", "SERVICE_ACCESS_NOT_ENABLED")
    emulation.enable_trusted_access()
    organizations.register_delegated_administrator(AccountId=one, ServicePrincipal="account.amazonaws.com")
    assert register(one) == ("AccountAlreadyRegisteredException", None)
    limit = "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED"
    assert register(other) == ("ConstraintViolationException", limit)
    management = "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR"
    assert register(emulation.management_account) == ("ConstraintViolationException", management)
    assert register("999999999999") == ("AccountNotFoundException", None)


class Stack:
    """A stack with one policy."""

    def __init__(self, emulation: Emulation) -> None:
        self._cloudformation = emulation.client("cloudformation")

    def change(self, operation: str, **properties: Any) -> None:
        """Call CreateStack, UpdateStack or DeleteStack, and wait until the stack is in a final state."""
        policy = {"Name": "policy", "Type": SCP, "Content": json.loads(document()), **properties}
        template = {
            "Resources": {"Policy": {"Type": "AWS::Organizations::Policy", "Properties": policy}},
            "Outputs": {
                "Id": {"Value": {"Ref": "Policy"}},
                "Arn": {"Value": {"Fn::GetAtt": ["Policy", "Arn"]}},
            },
        }
        body = {} if operation == "delete_stack" else {"TemplateBody": json.dumps(template)}
        getattr(self._cloudformation, operation)(StackName="stack", **body)
        eventually(lambda: not self.status.endswith("IN_PROGRESS"))

    @property
    def status(self) -> str:
        try:
            return str(self._cloudformation.describe_stacks(StackName="stack")["Stacks"][0]["StackStatus"])
        except ClientError:
            return "DELETE_COMPLETE"

    @property
    def outputs(self) -> dict[str, str]:
        [stack] = self._cloudformation.describe_stacks(StackName="stack")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def reason(self) -> str:
        """The reason of the last event of the policy that failed."""
        events = self._cloudformation.describe_stack_events(StackName="stack")["StackEvents"]
        failed = (event for event in events if event["ResourceStatus"].endswith("_FAILED"))
        return next(str(event["ResourceStatusReason"]) for event in failed if event["LogicalResourceId"] == "Policy")


@pytest.fixture
def stack(emulation: Emulation) -> Stack:
    return Stack(emulation)


def test_a_stack_creates_updates_and_deletes_a_policy(policies: Policies, stack: Stack) -> None:
    stack.change("create_stack", TargetIds=[policies.unit])
    policy_id = stack.outputs["Id"]
    assert policies.attached(policies.unit) == [FULL_ACCESS, policy_id]
    described = policies.client.describe_policy(PolicyId=policy_id)["Policy"]
    assert json.loads(described["Content"]) == json.loads(document())
    assert described["PolicySummary"]["Arn"] == stack.outputs["Arn"]

    stack.change("update_stack", TargetIds=[policies.root], Description="changed")
    assert stack.outputs["Id"] == policy_id
    assert (policies.attached(policies.unit), policies.attached(policies.root)) == (
        [FULL_ACCESS],
        [FULL_ACCESS, policy_id],
    )
    summary = policies.client.describe_policy(PolicyId=policy_id)["Policy"]["PolicySummary"]
    assert summary["Description"] == "changed"

    stack.change("delete_stack")
    assert policies.attached(policies.root) == [FULL_ACCESS]
    assert code_of(lambda: policies.client.describe_policy(PolicyId=policy_id)) == ("PolicyNotFoundException", None)


def test_a_failed_attachment_leaves_no_policy(policies: Policies, stack: Stack) -> None:
    policies.client.disable_policy_type(RootId=policies.root, PolicyType=SCP)

    stack.change("create_stack", TargetIds=[policies.unit])

    assert stack.status == "ROLLBACK_COMPLETE"
    assert "This operation can be performed only for enabled policy types." in stack.reason
    names = [policy["Name"] for policy in policies.client.list_policies(Filter=SCP)["Policies"]]
    assert names == ["FullAWSAccess"]


def test_a_name_that_exists_is_refused(policies: Policies, stack: Stack) -> None:
    policies.create("policy")
    stack.change("create_stack", TargetIds=[policies.unit])
    assert stack.status == "ROLLBACK_COMPLETE"
    assert "HandlerErrorCode: AlreadyExists" in stack.reason


def test_a_policy_that_was_attached_elsewhere_by_hand_is_not_deleted(policies: Policies, stack: Stack) -> None:
    stack.change("create_stack", TargetIds=[policies.unit])
    policy_id = stack.outputs["Id"]
    policies.client.attach_policy(PolicyId=policy_id, TargetId=policies.root)

    stack.change("delete_stack")

    assert stack.status == "DELETE_FAILED"
    assert policies.attached(policies.unit) == [FULL_ACCESS]
    policies.client.detach_policy(PolicyId=policy_id, TargetId=policies.root)
    stack.change("delete_stack")
    assert stack.status == "DELETE_COMPLETE"
