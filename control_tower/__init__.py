"""From this repository to a configuration package of Customizations for AWS Control Tower (CfCT)."""
