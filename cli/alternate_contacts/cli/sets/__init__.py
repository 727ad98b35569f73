"""The verbs `sets list`, `show`, `put` and `delete`."""
