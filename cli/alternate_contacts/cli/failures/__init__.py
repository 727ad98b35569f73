"""`failures`: every account on FailedAccountQueue, with the failure reason and the remedy."""
