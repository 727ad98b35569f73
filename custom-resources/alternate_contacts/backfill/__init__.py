"""The backfill: one letter on AccountQueue for every account of the organization.

Imports point inward::

    handler ─► run ─► letters, figures
       ├─► answer (what CloudFormation is told)
       └─► aws (the only module that calls AWS)
"""
