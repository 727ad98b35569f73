"""`backfill`: one message per account on AccountQueue, for the organization or for some accounts."""
