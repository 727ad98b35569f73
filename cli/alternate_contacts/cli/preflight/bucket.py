"""The bucket with the code of the functions.

Lambda reads code only from a bucket in its own region, and CfCT reads it with the execution role:
https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html
"""

from collections.abc import Sequence

from alternate_contacts.cli.preflight.execution_role import Role
from alternate_contacts.cli.preflight.policy import Policy, find_statements, is_allowed
from alternate_contacts.cli.preflight.result import CheckResult, missing, ok, unknown

REGION = "code bucket"
READABLE = "code bucket can be read"
READ_ACTION = "s3:GetObject"


def check_region(bucket: str, actual: str | None, required: str) -> CheckResult:
    """Check the region; ``actual``: that of the bucket, None if the bucket does not exist."""
    if actual == required:
        return ok(REGION, f"Bucket {bucket} is in {required}.")
    constraint = "" if required == "us-east-1" else f" --create-bucket-configuration LocationConstraint={required}"
    create = f"aws s3api create-bucket --region {required} --bucket {{name}}{constraint}"
    if actual is None:
        return missing(
            REGION,
            f"Bucket {bucket} does not exist. Lambda reads the code of the functions from it.",
            create.format(name=bucket),
        )
    return missing(
        REGION,
        f"Bucket {bucket} is in {actual}. Lambda reads code only from a bucket in its own region, {required}. Use "
        f"another bucket, or omit BUCKET, and SAM creates one in {required}.",
        create.format(name="ANOTHER-NAME"),
    )


def check_readable(bucket: str, role: Role, *, denied: Sequence[str], policy: Policy | None) -> CheckResult:
    """Check that the role may read the code.

    IAM or the bucket policy is enough to allow it, and a Deny in the bucket policy has precedence over both. The policy
    of a customer managed key, if the bucket has one, is not checked.

    Args:
        denied: the actions on the bucket that IAM does not allow the role.
        policy: the bucket policy, if there is one.
    """
    code = f"arn:{role.partition}:s3:::{bucket}/code"
    account = f"arn:{role.partition}:iam::{role.account_id}:root"
    show_policy = f"aws s3api get-bucket-policy --bucket {bucket} --query Policy --output text"
    for statement in find_statements(policy or {}, READ_ACTION, (role.arn, role.account_id, account), code):
        if not statement.allows:
            described = f"statement {statement.sid or 'without a Sid'} of the policy of {bucket}"
            if statement.conditional:
                return unknown(
                    READABLE,
                    f"The {described} has a condition and may deny {role.name} the code, which CfCT reads with this "
                    "role. Check the condition.",
                    show_policy,
                )
            return missing(
                READABLE,
                f"The {described} denies {role.name} the code, which CfCT reads with this role. Change the policy.",
                show_policy,
            )
    # A statement for the account leaves the decision to IAM. A statement for the role does not need IAM.
    if not denied or is_allowed(list(find_statements(policy or {}, READ_ACTION, (role.arn,), code))):
        return ok(READABLE, f"{role.name} may read the code.")
    return missing(
        READABLE,
        f"{role.name} has no permission {READ_ACTION} for {bucket}. CfCT reads the code with this role.",
        f"aws iam attach-role-policy --role-name {role.name} --policy-arn "
        f"arn:{role.partition}:iam::aws:policy/AmazonS3ReadOnlyAccess",
    )
