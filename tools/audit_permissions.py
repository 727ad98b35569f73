"""The IAM permissions of `audit`: the policy of an auditor with least privilege."""

from tools.permissions import QUOTA, STACK, Permission

EVERYTHING = "*"
OWN_ACCOUNT = "arn:aws:account::MANAGEMENT_ACCOUNT:account"
MEMBERS = "arn:aws:account::MANAGEMENT_ACCOUNT:account/ORGANIZATION/*"

PERMISSIONS = (
    Permission(
        STACK, ("cloudformation:DescribeStacks",), "to find the stack; its parameters contain the desired contacts"
    ),
    Permission(
        QUOTA.resource,
        QUOTA.actions,
        "to read the API quota and the desired contacts; without it, the parameters of the stack and the defaults of "
        "the template are used",
    ),
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
    Permission(OWN_ACCOUNT, ("account:GetAlternateContact",), "to read the contacts of the management account"),
    Permission(MEMBERS, ("account:GetAlternateContact",), "to read the contacts of member accounts"),
)
