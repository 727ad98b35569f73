"""For all suites."""

import gc
import signal

_MANY = 50_000
"""New objects between two garbage collections. The default of 700 costs a tenth of the processor time of the tests."""

# A shell script ignores SIGINT in a command that it starts in the background (`make test &`). Every process of the
# tests would inherit this, and the tests that send SIGINT would fail.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Do not look for garbage again and again among what stays until the end: modules and tests."""
    gc.freeze()
    gc.set_threshold(_MANY)
