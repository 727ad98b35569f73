"""The backfill: sends one message per account of the organization to AccountQueue.

The import contracts in pyproject.toml state which module may import which.
"""
