"""What CfCT's pipeline (v2.8.4) makes of a manifest and a template, in our own words, and samples for it."""
