"""Every error that AWS may answer has a kind of ours, and the tree in the docstring tells of every kind."""

import inspect
import itertools
import re

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alternate_contacts.worker import errors
from alternate_contacts.worker.errors import (
    AccessDenied,
    InvalidContact,
    NotInOrganization,
    Permanent,
    Retryable,
    Throttled,
    Unavailable,
    Unexpected,
    WorkerError,
    classify,
)

OPERATIONS = {
    "account": ("GetAlternateContact", "PutAlternateContact"),
    "organizations": ("DescribeAccount", "ListAWSServiceAccessForOrganization"),
    "sqs": ("SendMessage", "ChangeMessageVisibility"),
}
"""All that the worker calls."""

MODELLED: dict[str, type[WorkerError] | None] = {
    # account
    "ResourceNotFoundException": None,  # the contact is not set: AwsAccountApi.get returns None
    "ValidationException": InvalidContact,
    "AccessDeniedException": AccessDenied,
    "TooManyRequestsException": Throttled,
    "InternalServerException": Unavailable,
    # organizations
    "AccountNotFoundException": NotInOrganization,
    "AWSOrganizationsNotInUseException": Unexpected,
    "ConstraintViolationException": Unexpected,
    "InvalidInputException": Unexpected,
    "ServiceException": Unavailable,
    "UnsupportedAPIEndpointException": Unexpected,
    # sqs
    "InvalidAddress": Unexpected,
    "InvalidMessageContents": Unexpected,
    "InvalidSecurity": Unexpected,
    "KmsAccessDenied": Unexpected,
    "KmsDisabled": Unexpected,
    "KmsInvalidKeyUsage": Unexpected,
    "KmsInvalidState": Unexpected,
    "KmsNotFound": Unexpected,
    "KmsOptInRequired": Unexpected,
    "KmsThrottled": Unexpected,
    "MessageNotInflight": Unexpected,
    "QueueDoesNotExist": Unexpected,
    "ReceiptHandleIsInvalid": Unexpected,
    "RequestThrottled": Throttled,
    "UnsupportedOperation": Unexpected,
}
"""The expected kind of each error that a service model names."""

COMMON: list[tuple[str, int, type[WorkerError]]] = [
    # What no model names, with the status that AWS documents for it or was seen to send.
    ("Throttling", 400, Throttled),
    ("ThrottlingException", 400, Throttled),
    ("ThrottlingException", 429, Throttled),
    ("ThrottledException", 400, Throttled),
    ("RequestLimitExceeded", 503, Throttled),
    ("TooManyRequestsException", 400, Throttled),  # Organizations
    ("SlowDown", 503, Throttled),
    ("RequestThrottledException", 429, Throttled),
    ("InternalFailure", 500, Unavailable),
    ("InternalError", 500, Unavailable),
    ("ServiceUnavailable", 503, Unavailable),
    ("ServiceUnavailableException", 503, Unavailable),
    ("RequestTimeout", 400, Unavailable),
    ("RequestTimeoutException", 500, Unavailable),
    ("502", 502, Unavailable),
    ("503", 503, Unavailable),
    ("504", 504, Unavailable),
    ("AccessDenied", 403, AccessDenied),
    ("ExpiredToken", 403, AccessDenied),
    ("ExpiredTokenException", 400, AccessDenied),
    ("ExpiredTokenException", 403, AccessDenied),
    ("InvalidClientTokenId", 403, AccessDenied),
    ("UnrecognizedClientException", 403, AccessDenied),
    ("UnrecognizedClientException", 400, Unexpected),
    ("InvalidSignatureException", 403, AccessDenied),
    ("SignatureDoesNotMatch", 403, AccessDenied),
    ("IncompleteSignature", 403, AccessDenied),
    ("MissingAuthenticationToken", 403, AccessDenied),
    ("MissingAuthenticationTokenException", 403, AccessDenied),
    ("NotAuthorized", 401, AccessDenied),
    ("OptInRequired", 403, AccessDenied),
    ("RequestExpired", 400, Unexpected),
    ("RequestTimeTooSkewed", 403, AccessDenied),
    ("RequestTimeTooSkewed", 400, Unexpected),
    ("KMS.ThrottlingException", 400, Unexpected),
    ("AWS.SimpleQueueService.NonExistentQueue", 400, Unexpected),
    ("MalformedHttpRequestException", 400, Unexpected),
    ("RequestEntityTooLargeException", 413, Unexpected),
    ("UnknownOperationException", 404, Unexpected),
    ("none", 0, Unavailable),
    ("none", 400, Unexpected),
    ("none", 403, AccessDenied),
    ("none", 429, Throttled),
    ("none", 500, Unavailable),
]

BY_STATUS = [
    (0, Unavailable),
    (200, Unexpected),
    (302, Unexpected),
    (400, Unexpected),
    (401, AccessDenied),
    (403, AccessDenied),
    (404, Unexpected),
    (413, Unexpected),
    (428, Unexpected),
    (429, Throttled),
    (430, Unexpected),
    (499, Unexpected),
    (500, Unavailable),
    (503, Unavailable),
    (599, Unavailable),
]


def every_class() -> list[type[WorkerError]]:
    return [
        found
        for found in vars(errors).values()
        if inspect.isclass(found) and issubclass(found, WorkerError) and found.__module__ == errors.__name__
    ]


KINDS = [kind for kind in every_class() if hasattr(kind, "reason")]


def modelled_errors() -> list[tuple[str, str, str, int]]:
    """Operation, error, its code as the client sees it, and the status: for every error of every operation."""
    session = botocore.session.get_session()
    found = []
    for service, operations in OPERATIONS.items():
        model = session.get_service_model(service)
        for operation in operations:
            for shape in model.operation_model(operation).error_shapes:
                told = shape.metadata.get("error", {})
                found.append((operation, shape.name, told.get("code", shape.name), told.get("httpStatusCode", 400)))
    return found


def test_every_modelled_error_has_an_expected_kind_and_none_is_expected_in_vain() -> None:
    assert {name for _, name, _, _ in modelled_errors()} == set(MODELLED)


@pytest.mark.parametrize(
    ("operation", "name", "code", "status"), modelled_errors(), ids=[" ".join(e[:2]) for e in modelled_errors()]
)
def test_every_modelled_error_has_its_kind(operation: str, name: str, code: str, status: int) -> None:
    expected = MODELLED[name]
    if expected is not None:
        assert type(classify(code, status, operation)) is expected


@pytest.mark.parametrize(("code", "status", "expected"), COMMON)
def test_every_common_error_has_its_kind(code: str, status: int, expected: type[WorkerError]) -> None:
    error = classify(code, status, "DescribeAccount")
    assert type(error) is expected
    assert (error.code, error.operation) == (code, "DescribeAccount")


@pytest.mark.parametrize(("status", "expected"), BY_STATUS)
def test_an_unknown_code_goes_by_its_status(status: int, expected: type[WorkerError]) -> None:
    assert type(classify("NobodyKnowsThisException", status, "op")) is expected


def test_the_code_decides_before_the_status() -> None:
    assert isinstance(classify("TooManyRequestsException", 400, "DescribeAccount"), Throttled)
    assert isinstance(classify("ValidationException", 500, "PutAlternateContact"), InvalidContact)


@given(st.text() | st.sampled_from([*MODELLED, *(code for code, _, _ in COMMON)]), st.integers(), st.text())
def test_classifies_anything_and_raises_nothing(code: str, status: int, operation: str) -> None:
    error = classify(code, status, operation)
    assert type(error) in KINDS
    assert (error.code, error.operation) == (code, operation)


@given(st.text().filter(lambda code: code not in MODELLED), st.integers())
def test_what_nobody_knows_is_tried_again(code: str, status: int) -> None:
    known = {code for code, _, _ in COMMON}
    if code not in known:
        assert isinstance(classify(code, status, "op"), Retryable)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_says_reason_code_and_operation(kind: type[WorkerError]) -> None:
    assert str(kind("SomeException", "DescribeAccount")) == f"{kind.reason} (SomeException at DescribeAccount)"
    assert (kind().code, kind().operation) == ("none", "none")


def test_every_kind_is_either_retryable_or_permanent() -> None:
    for kind in KINDS:
        assert issubclass(kind, Retryable) is not issubclass(kind, Permanent)


def test_every_reason_is_one_word_and_means_one_kind() -> None:
    for one, other in itertools.combinations(KINDS, 2):
        assert one.reason != other.reason
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.reason) for kind in KINDS)


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn: dict[str, tuple[str | None, str | None]] = {}
    branch: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.fullmatch(r"( {4}[│ ]*(?:[├└]── )?)([A-Z][A-Za-z]+)(?: +(\S.*))?", line)
        if node is None:
            continue
        indent, name, column = len(node[1]), node[2], (node[3] or "").split(" ")[0]
        while branch and branch[-1][0] >= indent:
            branch.pop()
        drawn[name] = (branch[-1][1] if branch else None, column or None)
        branch.append((indent, name))
    branches = {"WorkerError", "Retryable", "Permanent"}
    assert {name: parent for name, (parent, _) in drawn.items()} == {
        kind.__name__: None if kind is WorkerError else kind.__base__.__name__ if kind.__base__ else None
        for kind in every_class()
    }
    assert {name: reason for name, (_, reason) in drawn.items() if name not in branches} == {
        kind.__name__: kind.reason for kind in KINDS
    }
