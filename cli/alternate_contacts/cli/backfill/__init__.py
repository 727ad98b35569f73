"""`backfill`: a letter for every account of the organization, or for some.

Imports point inward: command ─► call.
"""
