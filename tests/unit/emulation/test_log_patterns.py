"""Filter patterns of CloudWatch Logs: the cases are those of AWS's page FilterAndPatternSyntax.html."""

import pytest

from emulation.log_patterns import InvalidPatternError, compile_pattern

LINES = (
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[WARN] slow response",
    '{"message": "account processed", "calls": 7, "mode": "enforce", "retry": true, "reason": null, '
    '"outcomes": {"updated": 3}, "types": ["BILLING", "SECURITY"]}',
    '{"message": "retry scheduled", "calls": 12.5, "retry": false, "text": "say \\"hi\\""}',
)


TERM_CASES = [
    ("", [0, 1, 2, 3, 4]),
    ("ERROR", [0, 1]),
    ("error", []),
    ("ERR", []),
    ("ERROR REQUEST", [0, 1]),
    ('"BAD REQUEST"', [0]),
    ("ERROR -400", [1]),
    ("-ERROR", [2, 3, 4]),
    ("?ERROR ?WARN", [0, 1, 2]),
    ("ERROR ?WARN", [0, 1]),
    ('"account processed"', [3]),
    ('"say \\\\\\"hi"', [4]),
]
JSON_CASES = [
    ('{ $.message = "account processed" }', [3]),
    ('{$.message="account processed"||$.message="retry scheduled"}', [3, 4]),
    ('{ $.message = "account*" }', [3]),
    ('{ $.message = "*e*" }', [3, 4]),
    ('{ $.message != "account processed" }', [4]),
    ('{ $.mode != "report" }', [3]),
    ("{ $.mode = enforce }", [3]),
    ("{ $.calls = 7 }", [3]),
    ("{ $.calls = 7.0 }", [3]),
    ('{ $.calls = "7" }', []),
    ("{ $.calls > 7 }", [4]),
    ("{ $.calls >= 7 && $.calls < 12.6 }", [3, 4]),
    ("{ $.message > 7 }", []),
    ("{ $.outcomes.updated <= 3 }", [3]),
    ("{ $.outcomes = 3 }", []),
    ('{ $.types[1] = "SECURITY" }', [3]),
    ('{ $.types[2] = "SECURITY" }', []),
    ("{ $.missing = 1 }", []),
    ("{ $.missing != 1 }", []),
    ("{ $.retry IS TRUE }", [3]),
    ("{ $.retry is false }", [4]),
    ("{ $.reason IS NULL }", [3]),
    ("{ $.reason NOT EXISTS }", [4]),
    ('{ $.text = "say \\"hi\\"" }', [4]),
    ('{ ($.calls = 7 || $.calls > 10) && $.message = "retry*" }', [4]),
    ('{ $.calls = 7 || $.calls > 10 && $.message = "account*" }', [3]),
]


def matching(pattern: str) -> list[int]:
    matches = compile_pattern(pattern)
    return [index for index, line in enumerate(LINES) if matches(line)]


@pytest.mark.parametrize(("pattern", "expected"), [*TERM_CASES, *JSON_CASES])
def test_a_pattern_matches(pattern: str, expected: list[int]) -> None:
    assert matching(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "account-id",
        '"unclosed',
        "+term",
        "[ip, user]",
        "%regex%",
        "{",
        "{}",
        "{ broken",
        "{ $.a = }",
        "{ $.a = 1",
        "{ $.a = 1 } more",
        "{ $.a ~ 1 }",
        "{ a = 1 }",
        "{ $.a = %regex% }",
        "{ $.a[*] = 1 }",
        "{ $.a > x }",
        "{ $.a IS EMPTY }",
        "{ ($.a = 1 }",
        "{ $.a = 1 & $.b = 2 }",
    ],
)
def test_what_is_invalid_or_not_implemented_is_rejected(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        compile_pattern(pattern)
