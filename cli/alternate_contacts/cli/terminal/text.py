"""Text from outside, such as names that other people chose, before a person reads it.

Text may hold characters that a terminal, a spreadsheet or a browser obeys instead of showing: escape sequences, control
characters, characters that change the direction of the text, and characters without a width.
"""

import re
import unicodedata

_HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control, format (bidirectional, zero width, tags), surrogate, line separator and paragraph separator.

https://www.unicode.org/reports/tr44/#General_Category_Values
"""
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""The characters of other categories that show nothing: Default_Ignorable_Code_Point, and the empty Braille pattern.

https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
"""


def visible(text: str) -> str:
    r"""Return ``text`` on one line, each harmful or invisible character as an escape such as ``\x1b``."""
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if unicodedata.category(character) in _HARMFUL or _INVISIBLE.match(character):
        return character.encode("unicode_escape").decode("ascii")
    return character
