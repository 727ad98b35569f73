"""For all suites."""

import gc

_MANY = 50_000
"""New objects between two garbage collections. The default of 700 costs a tenth of the processor time of the tests."""


def pytest_collection_finish() -> None:
    """Do not look for garbage again and again among what stays until the end: modules and tests."""
    gc.freeze()
    gc.set_threshold(_MANY)
