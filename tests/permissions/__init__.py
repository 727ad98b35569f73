"""Least privilege: every part of every policy of the stack is needed by a flow that runs, and no flow needs more.

`make permissions` deploys the package to the emulation, changes one part of one policy at a time, and records the flow
that fails. docs/permissions.md shows the result.
"""
