"""What a preflight asks of AWS: the policy of an operator who may do no more than that."""

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
"""Every action only reads. Resource "*": some of these actions know no resources, and what the others look for is not
known to be there. Who the caller is (sts:GetCallerIdentity) everybody may ask.
"""
