"""The verbs `targets list`, `show`, `put` and `delete`."""
