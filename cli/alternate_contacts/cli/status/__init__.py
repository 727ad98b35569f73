"""`status`: how the package is set, how much is waiting or has failed, and when everything was last looked at.

Imports point inward: command ─► history, drain.
"""
