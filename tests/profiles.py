"""How many examples the property tests try: a few, or as many as `make campaign` asks for."""

import os

from hypothesis import HealthCheck, settings

# The time of an example depends on the machine, not on the code.
_ANY_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", _ANY_TIME, max_examples=50)
settings.register_profile("campaign", _ANY_TIME, max_examples=500)
settings.register_profile("mutation", _ANY_TIME, max_examples=20, derandomize=True, database=None)


def load_profile() -> None:
    """Load the profile that the environment variable names. hypothesis loads `--hypothesis-profile` too early."""
    settings.load_profile(os.environ.get("TEST_PROFILE", "short"))


def examples(short: int) -> int:
    """Return the number of examples of a test for which the usual number takes too long; ``short`` is the default."""
    return settings().max_examples if os.environ.get("TEST_PROFILE") == "campaign" else short
