"""`failures`: every account on FailedAccountQueue, with the reason and what to do about it.

Imports point inward: command ─► report ─► reasons.
"""
