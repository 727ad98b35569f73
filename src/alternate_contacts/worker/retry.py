"""How long a letter waits before it is read again."""

_FIRST = 15
"""Seconds. IAM and trusted access settle within a minute, so the first tries come soon."""
_LONGEST = 900
"""Seconds. A mended cause shows within a quarter of an hour."""


def retry_delay(tries: int) -> int:
    """Seconds until the next try of a letter that was read ``tries`` times: 15, 30, 60 … 900.

    With ten tries the nine waits between them are 15 + 30 + 60 + 120 + 240 + 480 + 3 x 900 = 3645 s, over an hour.
    """
    return min(_FIRST << min(tries - 1, 10), _LONGEST)
