"""The names of the backfill's metrics, for who writes them and who looks one up."""

NAMESPACE = "AlternateContacts"
SERVICE = "backfill"
"""The value of the one dimension, ``service``."""

BACKFILL_COMPLETED = "BackfillCompleted"
DAYS_SINCE_BACKFILL = "DaysSinceBackfill"
RECONCILE_SKIPPED = "ReconcileSkipped"
