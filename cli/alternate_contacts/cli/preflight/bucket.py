"""The bucket from which Lambda takes the functions' code.

Lambda reads code only from a bucket in its own region, and CfCT has it read with the execution role:
https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html
"""

from collections.abc import Sequence

from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.finding import CheckResult, missing, ok, unknown
from alternate_contacts.cli.preflight.policy import Policy, grants, verdict

REGION = "code bucket"
READING = "code bucket can be read"
READ = "s3:GetObject"


def check_region(bucket: str, found: str | None, wanted: str) -> CheckResult:
    """``found``: the bucket's region, None where there is no such bucket."""
    if found == wanted:
        return ok(REGION, f"{bucket} is in {wanted}.")
    elsewhere = "" if wanted == "us-east-1" else f" --create-bucket-configuration LocationConstraint={wanted}"
    create = f"aws s3api create-bucket --region {wanted} --bucket {{name}}{elsewhere}"
    if found is None:
        return missing(REGION, f"There is no bucket {bucket}.", create.format(name=bucket))
    return missing(
        REGION,
        f"{bucket} is in {found}, and Lambda takes code only from a bucket in its own region, {wanted}: use another "
        "one, or leave out BUCKET, and SAM makes one there.",
        create.format(name="ANOTHER-NAME"),
    )


def check_reading(bucket: str, role: Role, *, refused: Sequence[str], policy: Policy | None) -> CheckResult:
    """``refused``: what IAM says the role may not do with the bucket; ``policy``: the bucket's own, if it has one.

    In one account either of the two is enough, and a Deny in the bucket's policy beats both. Not looked at: the policy
    of a key of your own, if the bucket is encrypted with one.
    """
    name = role.arn.rpartition("/")[2]
    code = f"arn:{role.partition}:s3:::{bucket}/code"
    account = f"arn:{role.partition}:iam::{role.account_id}:root"
    show = f"aws s3api get-bucket-policy --bucket {bucket} --query Policy --output text shows it"
    for grant in grants(policy or {}, READ, (role.arn, role.account_id, account), code):
        told = f"statement {grant.sid or 'without a Sid'} of the policy of {bucket}"
        if not grant.allows and grant.conditional:
            return unknown(READING, f"Whether {told} keeps {name} out depends on its condition: {show}.")
        if not grant.allows:
            return missing(READING, f"{name} may not read the code, because {told} denies it: {show}.")
    # A statement for the account as a whole leaves it to IAM; one for the role itself does not need IAM.
    if not refused or verdict(list(grants(policy or {}, READ, (role.arn,), code))):
        return ok(READING, f"{name} may read it.")
    return missing(
        READING,
        f"{name} may not {READ} from {bucket}.",
        f"aws iam attach-role-policy --role-name {name} --policy-arn "
        f"arn:{role.partition}:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )
