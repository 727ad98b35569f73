"""What can stop a backfill."""


class BackfillError(Exception):
    """The backfill could not be done. Its text is one sentence for the person who deploys or calls."""
