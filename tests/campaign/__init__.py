"""The fault campaign: the real functions in virtual time, against strict fakes of AWS that inject faults.

``python -m tests.campaign --help``; benchmarks/campaign.md has the results and the method.
"""
