"""How long a message waits before its next try."""

_WAITS = (15, 30, 60, 120, 240, 480, 900)
"""Seconds. IAM and trusted access become consistent within a minute, so the first retries come soon. After an operator
fixes a cause, the next try comes within a quarter of an hour."""

_BELOW_ROOT = (15, 30, 60, 120, 240, 135)
"""Seconds, ten minutes in all. The seventh try does not wait, so that four of ten tries are left for errors."""


def retry_delay(tries: int) -> int:
    """Return the seconds until the next try of a message that was received ``tries`` times: 15, 30, 60 … 900.

    With ten tries the nine waits between them are 15 + 30 + 60 + 120 + 240 + 480 + 3 x 900 = 3645 s, over an hour.
    """
    return _WAITS[min(tries, len(_WAITS)) - 1]


def below_root_delay(tries: int) -> int:
    """Return the seconds until the next try of a new account that is still below the root, or 0 to go on."""
    return _BELOW_ROOT[tries - 1] if tries <= len(_BELOW_ROOT) else 0
