"""The only module of the preflight that calls AWS. It only reads."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.aws.contact_parameters import read_contact_parameters
from alternate_contacts.cli.aws.organization import RETRIES, OrganizationAccount, OrganizationTree
from alternate_contacts.cli.aws.session import Session
from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import EXPORT, LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.protection import Root
from alternate_contacts.cli.preflight.trail import Trail
from alternate_contacts.cli.terminal.errors import describe_aws_error, error_code
from alternate_contacts.worker.contact_configuration import ContactConfiguration

_POLICY_TYPE: Final = "SERVICE_CONTROL_POLICY"


class AwsEnvironment:
    """What a deployment through CfCT uses in the management account."""

    def __init__(self, create_client: Callable[..., Any]) -> None:
        """``create_client``: returns the client of a service and, if one is given, of a region."""
        self._create_client = create_client
        self._iam = create_client("iam")
        self.partition: str = self._iam.meta.partition

    def role(self, name: str) -> Role | None:
        """Return the role with its trust policy, None if it does not exist."""
        try:
            role = self._iam.get_role(RoleName=name)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        return Role(role["Arn"], role["AssumeRolePolicyDocument"])

    def denied_actions(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]:
        """Return the ``actions`` that the policies and the boundary of the role do not allow on ``resource``."""
        pages = self._iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=role_arn, ActionNames=list(actions), ResourceArns=[resource]
        )
        return [
            result["EvalActionName"]
            for page in pages
            for result in page["EvaluationResults"]
            if result["EvalDecision"] != "allowed"
        ]

    def trails(self) -> list[Trail]:
        """Return the trails that the region of the stack shows, including those of the organization."""
        cloudtrail = self._create_client("cloudtrail")
        return [self._trail(trail) for trail in cloudtrail.describe_trails(includeShadowTrails=True)["trailList"]]

    def _trail(self, description: dict[str, Any]) -> Trail:
        known = {
            "name": description["Name"],
            "home_region": description["HomeRegion"],
            "multi_region": description.get("IsMultiRegionTrail", False),
        }
        cloudtrail = self._create_client("cloudtrail", description["HomeRegion"])
        arn = description["TrailARN"]
        try:
            logging = cloudtrail.get_trail_status(Name=arn)["IsLogging"]
            selectors = cloudtrail.get_event_selectors(TrailName=arn)
        except (ClientError, BotoCoreError) as error:
            # Another trail may be sufficient.
            return Trail(**known, error=str(describe_aws_error(error)))
        return Trail(
            **known,
            logging=logging,
            basic=selectors.get("EventSelectors", ()),
            advanced=selectors.get("AdvancedEventSelectors", ()),
        )

    def landing_zone(self, region: str | None = None) -> LandingZone | None:
        """Return the landing zone. Only its home region shows one that is in an opt-in region.

        https://docs.aws.amazon.com/controltower/latest/userguide/lz-api-list.html
        """
        landing_zones = self._create_client("controltower", region).list_landing_zones()["landingZones"]
        if not landing_zones:
            return None
        arn = landing_zones[0]["arn"]
        home = arn.split(":")[3]
        try:
            details = self._create_client("controltower", home).get_landing_zone(landingZoneIdentifier=arn)
        except (ClientError, BotoCoreError):
            # The StackSet shows what the version would show.
            return LandingZone(home)
        return LandingZone(home, details["landingZone"]["version"])

    def cfct_version(self, region: str) -> str | None:
        """Return the version of CfCT in a region, None if it is not deployed there."""
        pages = self._create_client("cloudformation", region).get_paginator("list_exports").paginate()
        return next((export["Value"] for page in pages for export in page["Exports"] if export["Name"] == EXPORT), None)

    def has_stack_set(self, name: str, region: str) -> bool:
        cloudformation = self._create_client("cloudformation", region)
        try:
            stack_set = cloudformation.describe_stack_set(StackSetName=name)["StackSet"]
        except cloudformation.exceptions.StackSetNotFoundException:
            return False
        return bool(stack_set["Status"] == "ACTIVE")

    def bucket_region(self, bucket: str) -> str | None:
        """Return the region of a bucket, None if it does not exist. S3 has special names for the oldest regions."""
        try:
            constraint: str | None = (
                self._create_client("s3").get_bucket_location(Bucket=bucket).get("LocationConstraint")
            )
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise
            return None
        return "eu-west-1" if constraint == "EU" else constraint or "us-east-1"

    def bucket_policy(self, bucket: str) -> Policy | None:
        try:
            text = self._create_client("s3").get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as error:
            if error_code(error) != "NoSuchBucketPolicy":
                raise
            return None
        policy: Policy = json.loads(text)
        return policy


class AwsProtectionView:
    """The organization, as far as its service control policies and contact sets go."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._organizations = session.client("organizations", config=RETRIES)

    def root(self) -> Root:
        [root] = self._organizations.list_roots()["Roots"]
        enabled = {"Type": _POLICY_TYPE, "Status": "ENABLED"} in root["PolicyTypes"]
        return Root(root["Id"], enabled)

    def attached_policies(self, target: str) -> list[str] | None:
        """Return the names of the service control policies of a root or OU itself; None: it does not exist."""
        pages = self._organizations.get_paginator("list_policies_for_target").paginate(
            TargetId=target, Filter=_POLICY_TYPE
        )
        try:
            return [policy["Name"] for page in pages for policy in page["Policies"]]
        except self._organizations.exceptions.TargetNotFoundException:
            return None

    def accounts(self) -> Iterator[OrganizationAccount]:
        return OrganizationTree(self._organizations, require_parents=True).accounts()

    def configuration(self, path: str) -> ContactConfiguration:
        """Return the contact configuration below a path."""
        return read_contact_parameters(self._session, path).configuration
