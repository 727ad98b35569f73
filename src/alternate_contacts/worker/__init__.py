"""The worker: brings one account's alternate contacts right for each letter on AccountQueue.

Imports point inward, from the door to the words::

    handler ─► batch ─► account ─► calls ─► decision ─► contacts
       │         │         └─────► errors
       │         └─► letter, retry
       └─► settings, telemetry, aws (the only module that calls AWS)
"""
