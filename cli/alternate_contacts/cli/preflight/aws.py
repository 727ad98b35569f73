"""The only module of the preflight that calls AWS. Every call reads."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.pipeline import EXPORT, LandingZone
from alternate_contacts.cli.preflight.policy import Policy
from alternate_contacts.cli.preflight.trail import Trail
from alternate_contacts.cli.terminal.errors import describe_aws_error, error_code


class Connect(Protocol):
    """What makes clients: ``Session.client``."""

    def __call__(self, service: Any, region: str | None = None) -> Any: ...


class AwsEnvironment:
    """The management account as far as a deployment by CfCT leans on it."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._iam = connect("iam")
        self.partition: str = self._iam.meta.partition

    def role(self, name: str) -> Role | None:
        """The role of that name in this account, with its trust policy."""
        try:
            found = self._iam.get_role(RoleName=name)["Role"]
        except self._iam.exceptions.NoSuchEntityException:
            return None
        return Role(found["Arn"], found["AssumeRolePolicyDocument"])

    def refused(self, role_arn: str, actions: Sequence[str], resource: str = "*") -> list[str]:
        """Those ``actions`` that the role's own policies and boundary do not allow it on ``resource``."""
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
        """The trails that can be seen from the stack's region, those of the organization and of other regions too."""
        return list(
            map(self._trail, self._connect("cloudtrail").describe_trails(includeShadowTrails=True)["trailList"])
        )

    def _trail(self, described: dict[str, Any]) -> Trail:
        known = {
            "name": described["Name"],
            "home_region": described["HomeRegion"],
            "multi_region": described.get("IsMultiRegionTrail", False),
        }
        at_home = self._connect("cloudtrail", described["HomeRegion"])
        arn = described["TrailARN"]
        try:
            logging = at_home.get_trail_status(Name=arn)["IsLogging"]
            selectors = at_home.get_event_selectors(TrailName=arn)
        except (ClientError, BotoCoreError) as error:
            # Another trail may do, and then it does not matter.
            return Trail(**known, unread=str(describe_aws_error(error)))
        return Trail(
            **known,
            logging=logging,
            basic=selectors.get("EventSelectors", ()),
            advanced=selectors.get("AdvancedEventSelectors", ()),
        )

    def landing_zone(self, region: str | None = None) -> LandingZone | None:
        """The landing zone of this account; one whose home is an opt-in region is seen only from there.

        https://docs.aws.amazon.com/controltower/latest/userguide/lz-api-list.html
        """
        found = self._connect("controltower", region).list_landing_zones()["landingZones"]
        if not found:
            return None
        arn = found[0]["arn"]
        home = arn.split(":")[3]
        try:
            told = self._connect("controltower", home).get_landing_zone(landingZoneIdentifier=arn)["landingZone"]
        except (ClientError, BotoCoreError):
            # Where it is is known all the same; what its version would have told, the StackSet tells too.
            return LandingZone(home)
        return LandingZone(home, told["version"])

    def cfct_version(self, region: str) -> str | None:
        """The version of CfCT in that region, None where it is not."""
        exports: Iterator[dict[str, str]] = (
            export
            for page in self._connect("cloudformation", region).get_paginator("list_exports").paginate()
            for export in page["Exports"]
        )
        return next((export["Value"] for export in exports if export["Name"] == EXPORT), None)

    def has_stack_set(self, name: str, region: str) -> bool:
        cloudformation = self._connect("cloudformation", region)
        try:
            described = cloudformation.describe_stack_set(StackSetName=name)["StackSet"]
        except cloudformation.exceptions.StackSetNotFoundException:
            return False
        return bool(described["Status"] == "ACTIVE")

    def bucket_region(self, bucket: str) -> str | None:
        """Where the bucket is, None where there is none. The oldest regions have names of their own in S3."""
        try:
            told: str | None = self._connect("s3").get_bucket_location(Bucket=bucket).get("LocationConstraint")
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise
            return None
        return "eu-west-1" if told == "EU" else told or "us-east-1"

    def bucket_policy(self, bucket: str) -> Policy | None:
        try:
            text = self._connect("s3").get_bucket_policy(Bucket=bucket)["Policy"]
        except ClientError as error:
            if error_code(error) != "NoSuchBucketPolicy":
                raise
            return None
        policy: Policy = json.loads(text)
        return policy
