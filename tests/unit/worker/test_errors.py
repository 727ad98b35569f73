"""Every error of AWS has a class of ours, and the docstring draws every class."""

import inspect
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
    "organizations": ("DescribeAccount", "ListParents", "ListAWSServiceAccessForOrganization"),
    "sqs": ("SendMessage", "ChangeMessageVisibility"),
    "ssm": ("GetParametersByPath",),
}
"""Every operation that the worker calls."""

MODELLED: dict[str, type[WorkerError] | None] = {
    # account
    "ResourceNotFoundException": None,  # the contact is not set: AwsAccountApi.get returns None
    "ValidationException": InvalidContact,
    "AccessDeniedException": AccessDenied,
    "TooManyRequestsException": Throttled,
    "InternalServerException": Unavailable,
    # organizations
    "AccountNotFoundException": NotInOrganization,
    "ChildNotFoundException": NotInOrganization,
    "AWSOrganizationsNotInUseException": Unexpected,
    "ConstraintViolationException": Unexpected,
    "InvalidInputException": Unexpected,
    "ServiceException": Unavailable,
    "UnsupportedAPIEndpointException": Unexpected,
    # ssm; its ThrottlingException is not in the model
    "InternalServerError": Unavailable,
    "InvalidFilterKey": Unexpected,
    "InvalidFilterOption": Unexpected,
    "InvalidFilterValue": Unexpected,
    "InvalidKeyId": Unexpected,
    "InvalidNextToken": Unexpected,
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
"""The expected class of each error in a service model."""

COMMON: list[tuple[str, int, type[WorkerError]]] = [
    # Errors that no model names, with the status that AWS documents or was seen to send.
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
    ("RequestExpired", 400, AccessDenied),
    ("RequestTimeTooSkewed", 403, AccessDenied),
    ("RequestTimeTooSkewed", 400, Unexpected),
    ("KMS.ThrottlingException", 400, Unexpected),
    ("AWS.SimpleQueueService.NonExistentQueue", 400, Unexpected),
    ("MalformedHttpRequestException", 400, Unexpected),
    ("RequestEntityTooLargeException", 413, Unexpected),
    ("UnknownOperationException", 404, Unexpected),
    ("none", 400, Unexpected),
    ("none", 403, AccessDenied),
    ("none", 429, Throttled),
    ("none", 500, Unavailable),
]

BY_STATUS = [
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
        error_class
        for error_class in vars(errors).values()
        if inspect.isclass(error_class) and issubclass(error_class, WorkerError)
    ]


LEAVES = [error_class for error_class in every_class() if hasattr(error_class, "reason")]


def modelled_errors() -> list[tuple[str, str, str, int]]:
    """Return operation, name, code and status of every error of every operation."""
    session = botocore.session.get_session()
    modelled = []
    for service, operations in OPERATIONS.items():
        model = session.get_service_model(service)
        for operation in operations:
            for shape in model.operation_model(operation).error_shapes:
                error = shape.metadata.get("error", {})
                modelled.append(
                    (operation, shape.name, error.get("code", shape.name), error.get("httpStatusCode", 400))
                )
    return modelled


def test_the_expected_classes_are_complete_and_each_is_used() -> None:
    assert {name for _, name, _, _ in modelled_errors()} == set(MODELLED)


@pytest.mark.parametrize(
    ("operation", "name", "code", "status"), modelled_errors(), ids=[" ".join(e[:2]) for e in modelled_errors()]
)
def test_every_modelled_error_has_its_class(operation: str, name: str, code: str, status: int) -> None:
    expected = MODELLED[name]
    if expected is not None:
        assert type(classify(code, status, operation)) is expected


@pytest.mark.parametrize(("code", "status", "expected"), COMMON)
def test_every_common_error_has_its_class(code: str, status: int, expected: type[WorkerError]) -> None:
    error = classify(code, status, "DescribeAccount")
    assert type(error) is expected
    assert (error.code, error.operation) == (code, "DescribeAccount")


@pytest.mark.parametrize(("status", "expected"), BY_STATUS)
def test_the_status_decides_for_an_unknown_code(status: int, expected: type[WorkerError]) -> None:
    assert type(classify("UnknownException", status, "op")) is expected


def test_the_code_decides_before_the_status() -> None:
    assert isinstance(classify("TooManyRequestsException", 400, "DescribeAccount"), Throttled)
    assert isinstance(classify("ValidationException", 500, "PutAlternateContact"), InvalidContact)


@given(st.text() | st.sampled_from([*MODELLED, *(code for code, _, _ in COMMON)]), st.integers(), st.text())
def test_any_code_and_status_has_a_class(code: str, status: int, operation: str) -> None:
    error = classify(code, status, operation)
    assert type(error) in LEAVES
    assert (error.code, error.operation) == (code, operation)


@given(st.text(max_size=20), st.integers())
def test_an_unknown_error_is_retryable(code: str, status: int) -> None:
    if code not in {"ValidationException", "AccountNotFoundException"}:
        assert isinstance(classify(code, status, "op"), Retryable)


@pytest.mark.parametrize("error_class", LEAVES, ids=lambda error_class: error_class.__name__)
def test_an_error_shows_reason_code_and_operation(error_class: type[WorkerError]) -> None:
    error = error_class("SomeException", "DescribeAccount")
    assert str(error) == f"{error_class.reason} (SomeException at DescribeAccount)"
    assert (error_class().code, error_class().operation) == ("none", "none")


def test_every_class_is_either_retryable_or_permanent() -> None:
    for error_class in LEAVES:
        assert issubclass(error_class, Retryable) is not issubclass(error_class, Permanent)


def test_every_reason_is_a_code_of_one_class() -> None:
    reasons = [error_class.reason for error_class in LEAVES]
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", reason) for reason in reasons)


def test_the_docstring_draws_every_class() -> None:
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
        error_class.__name__: None
        if error_class is WorkerError
        else error_class.__base__.__name__
        if error_class.__base__
        else None
        for error_class in every_class()
    }
    assert {name: reason for name, (_, reason) in drawn.items() if name not in branches} == {
        error_class.__name__: error_class.reason for error_class in LEAVES
    }
