"""Names of the backfill's metrics. All have the namespace `METRIC_NAMESPACE` and one dimension, ``service``."""

SERVICE = "backfill"
"""The value of the dimension."""

BACKFILL_COMPLETED = "BackfillCompleted"
CONFIGURATION_PROBLEMS = "ConfigurationProblems"
DAYS_SINCE_BACKFILL = "DaysSinceBackfill"
RECONCILE_SKIPPED = "ReconcileSkipped"
