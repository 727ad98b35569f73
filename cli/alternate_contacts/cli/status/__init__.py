"""`status`: configuration, queues, and the last backfill and reconcile."""
