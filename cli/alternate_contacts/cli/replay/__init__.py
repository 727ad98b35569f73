"""`replay` and `discard`: failed accounts back on AccountQueue, or off FailedAccountQueue for good.

Imports point inward: command ─► transfer, move_task.
"""
