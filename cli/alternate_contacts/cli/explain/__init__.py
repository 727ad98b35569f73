"""The verb `explain`: why one account has its contacts, and what the worker would do."""
