"""The IAM permissions of `audit` and `explain`: the policy of an auditor with least privilege."""

from tools.permissions import QUOTA, READ_CONFIGURATION, STACK, Permission

EVERYTHING = "*"
OWN_ACCOUNT = "arn:aws:account::MANAGEMENT_ACCOUNT:account"
MEMBERS = "arn:aws:account::MANAGEMENT_ACCOUNT:account/ORGANIZATION/*"

_DESIRED = (
    Permission(
        STACK, ("cloudformation:DescribeStacks",), "to find the stack; its parameters contain the desired contacts"
    ),
    Permission(
        QUOTA.resource,
        QUOTA.actions,
        "to read the API quota and the desired contacts; without it, the parameters of the stack and the defaults of "
        "the template are used",
    ),
    READ_CONFIGURATION,
)
_PRESENT = (
    Permission(OWN_ACCOUNT, ("account:GetAlternateContact",), "to read the contacts of the management account"),
    Permission(MEMBERS, ("account:GetAlternateContact",), "to read the contacts of member accounts"),
)

AUDIT = (
    *_DESIRED,
    Permission(
        EVERYTHING,
        (
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:ListAccounts",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListParents",
        ),
        "to list the accounts with the names of their OUs, and to explain why an account cannot be read",
    ),
    *_PRESENT,
)
EXPLAIN = (
    *_DESIRED,
    Permission(
        EVERYTHING,
        (
            "organizations:DescribeAccount",
            "organizations:DescribeOrganizationalUnit",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListParents",
        ),
        "to find the OUs of the account and their names, and to explain why the account cannot be read",
    ),
    *_PRESENT,
)
