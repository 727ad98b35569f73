"""The IAM permissions of `preflight`: the policy of an operator with least privilege."""

from typing import Any

STATEMENTS: list[dict[str, Any]] = [
    {
        "Sid": "Organization",
        "Effect": "Allow",
        "Action": [
            "account:GetAlternateContact",
            "organizations:DescribeOrganization",
            "organizations:ListAWSServiceAccessForOrganization",
            "organizations:ListAccounts",
        ],
        "Resource": "*",
    },
    {
        "Sid": "Protection",
        "Effect": "Allow",
        "Action": [
            "cloudformation:DescribeStacks",
            "organizations:DescribeOrganizationalUnit",
            "organizations:ListPoliciesForTarget",
            "organizations:ListRoots",
            "ssm:GetParametersByPath",
        ],
        "Resource": "*",
    },
    {
        "Sid": "Trail",
        "Effect": "Allow",
        "Action": ["cloudtrail:DescribeTrails", "cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"],
        "Resource": "*",
    },
    {
        "Sid": "ControlTower",
        "Effect": "Allow",
        "Action": [
            "cloudformation:DescribeStackSet",
            "cloudformation:ListExports",
            "controltower:GetLandingZone",
            "controltower:ListLandingZones",
            "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
        ],
        "Resource": "*",
    },
    {
        "Sid": "CodeBucket",
        "Effect": "Allow",
        "Action": ["s3:GetBucketLocation", "s3:GetBucketPolicy"],
        "Resource": "*",
    },
]
"""Every action only reads. Resource "*": some of these actions have no resource type, and for the others the name of
the resource is not known in advance. sts:GetCallerIdentity needs no permission.
"""
