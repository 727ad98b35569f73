"""Filter patterns of CloudWatch Logs, as FilterLogEvents takes them.

AWS (CloudWatch Logs user guide: FilterAndPatternSyntax.html):

* Terms: a log line matches if it has all terms and none with a minus sign. If all terms have a question mark, one of
  them suffices; beside other terms those with a question mark are ignored. A term is case-sensitive, and needs
  quotation marks if it has other characters than alphanumeric ones and the underscore.
* JSON, `{ $.field = "value" && ($.number > 5 || $.other IS NULL) }`: a line matches if it is a JSON object that has the
  fields. A string may have asterisks as wildcards. A field that is an array or an object never matches.

Regular expressions, patterns for space-delimited lines and wildcards in field names are rejected here, although AWS has
them. Two rules are stricter than documented: a term must be a whole word, and `!=` needs the field.
"""

import json
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Matcher = Callable[[Any], bool]

_MISSING: Final = object()
_ORDER: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)+)"|(?P<word>\w+))(?=\s|$)', re.ASCII)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<selector>\$(?:\.[\w-]+|\[\d+\])+)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<operator>&&|\|\||!=|<=|>=|[=<>(){}])
    | (?P<word>[\w*.+-]+)
    )""",
    re.VERBOSE | re.ASCII,
)


class InvalidPatternError(ValueError):
    """AWS rejects the pattern, or the emulation does not implement it."""


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a log line matches.

    Raises:
        InvalidPatternError: the pattern is invalid or not implemented.
    """
    stripped = pattern.strip()
    if stripped.startswith("{"):
        return _json_pattern(stripped)
    if stripped.startswith(("[", "%")):
        raise InvalidPatternError(f"The emulation does not implement this kind of filter pattern: {pattern}")
    return _term_pattern(stripped)


def _term_pattern(pattern: str) -> Callable[[str], bool]:
    terms: dict[str, list[re.Pattern[str]]] = {"": [], "-": [], "?": []}
    position = 0
    while position < len(pattern):
        match = _TERM.match(pattern, position)
        if match is None:
            raise InvalidPatternError(f"Invalid character(s) in term '{pattern[position:].split()[0]}'")
        text = match["word"] or re.sub(r"\\(.)", r"\1", match["phrase"])
        terms[match["sign"]].append(re.compile(rf"(?<!\w){re.escape(text)}(?!\w)"))
        position = match.end()
    required, excluded, optional = terms[""], terms["-"], terms["?"]
    if required or excluded:
        optional = []

    def matches(line: str) -> bool:
        return (
            all(term.search(line) for term in required)
            and not any(term.search(line) for term in excluded)
            and (not optional or any(term.search(line) for term in optional))
        )

    return matches


def _json_pattern(pattern: str) -> Callable[[str], bool]:
    condition = _JsonParser(pattern).parse()

    def matches(line: str) -> bool:
        try:
            document = json.loads(line)
        except ValueError:
            return False
        return isinstance(document, dict) and condition(document)

    return matches


class _JsonParser:
    """Recursive descent: or > and > comparison."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(pattern.rstrip()):
            match = _TOKEN.match(pattern, position)
            if match is None or match.lastgroup is None:
                raise self._error()
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def parse(self) -> Matcher:
        self._expect("{")
        condition = self._either()
        self._expect("}")
        if self._tokens:
            raise self._error()
        return condition

    def _either(self) -> Matcher:
        alternatives = [self._both()]
        while self._accept("||"):
            alternatives.append(self._both())
        return lambda document: any(condition(document) for condition in alternatives)

    def _both(self) -> Matcher:
        conditions = [self._comparison()]
        while self._accept("&&"):
            conditions.append(self._comparison())
        return lambda document: all(condition(document) for condition in conditions)

    def _comparison(self) -> Matcher:
        if self._accept("("):
            condition = self._either()
            self._expect(")")
            return condition
        selector = self._take("selector")
        group, text = self._next()
        if group == "word":
            return _keyword(selector, f"{text} {self._take('word')}".upper(), self._error())
        if text in ("=", "!="):
            equals = self._equals()
            return lambda document: _is_scalar(value := _select(document, selector)) and equals(value) is (text == "=")
        if text in _ORDER:
            limit, compare = self._number(), _ORDER[text]
            return lambda document: _is_number(value := _select(document, selector)) and compare(value, limit)
        raise self._error()

    def _equals(self) -> Matcher:
        group, text = self._next()
        if group not in ("string", "word"):
            raise self._error()
        if group == "word":
            try:
                number = float(text)
            except ValueError:
                pass
            else:
                return lambda value: _is_number(value) and value == number
        literal = re.sub(r"\\(.)", r"\1", text[1:-1]) if group == "string" else text
        wildcard = re.compile(".*".join(map(re.escape, literal.split("*"))), re.DOTALL)
        return lambda value: isinstance(value, str) and wildcard.fullmatch(value) is not None

    def _number(self) -> float:
        try:
            return float(self._take("word"))
        except ValueError:
            raise self._error() from None

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise self._error()
        return self._tokens.pop(0)

    def _take(self, group: str) -> str:
        found, text = self._next()
        if found != group:
            raise self._error()
        return text

    def _accept(self, text: str) -> bool:
        if self._tokens and self._tokens[0] == ("operator", text):
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._error()

    def _error(self) -> InvalidPatternError:
        return InvalidPatternError(f"Invalid or not implemented filter pattern: {self._pattern}")


def _keyword(selector: str, keyword: str, error: InvalidPatternError) -> Matcher:
    expected = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False, "NOT EXISTS": _MISSING}
    if keyword not in expected:
        raise error
    return lambda document: _select(document, selector) is expected[keyword]


def _select(document: Any, selector: str) -> Any:
    value = document
    for name, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", selector):
        if name:
            value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
        else:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else _MISSING
    return value


def _is_scalar(value: object) -> bool:
    return value is not _MISSING and not isinstance(value, dict | list)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
