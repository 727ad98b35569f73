"""What `audit` asks of AWS: the policy of an auditor who may do no more than that."""

from tools.permissions import STACK, Permission

EVERYTHING = "*"
OWN_ACCOUNT = "arn:aws:account::MANAGEMENT_ACCOUNT:account"
MEMBERS = "arn:aws:account::MANAGEMENT_ACCOUNT:account/ORGANIZATION/*"

PERMISSIONS = (
    Permission(STACK, ("cloudformation:DescribeStacks",), "to find the stack and the contacts that it wants"),
    Permission(
        EVERYTHING,
        (
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:ListAccounts",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListParents",
        ),
        "to list the accounts with the names of their units, and to say why AWS refuses one",
    ),
    Permission(OWN_ACCOUNT, ("account:GetAlternateContact",), "to read the management account's contacts"),
    Permission(MEMBERS, ("account:GetAlternateContact",), "to read the members' contacts"),
)
