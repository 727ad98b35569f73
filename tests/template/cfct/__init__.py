"""A model of what CfCT's pipeline (v2.8.4) does with a manifest and a template, and sample manifests."""
