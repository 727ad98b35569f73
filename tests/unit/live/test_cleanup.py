"""What the cleanup of the checks may delete, and what it reports."""

import io
import signal
import sys

import pytest
from botocore.exceptions import ClientError

from tests.live import cleanup


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "text"}}, "Operation")


def run_main(monkeypatch: pytest.MonkeyPatch, steps: str) -> str:
    """Run the process with these lines; return what it reports as left."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(steps))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cleanup.main()
    return str(ended.value.code or "")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queues that were deleted; ``gone`` and ``denied`` fail."""
    names: list[str] = []

    def delete_queue(region: str, name: str) -> None:
        names.append(f"{region} {name}")
        if name in ("gone", "denied"):
            raise client_error({"gone": "QueueDoesNotExist", "denied": "AccessDenied"}[name])

    monkeypatch.setattr(cleanup, "STEPS", {"delete_queue": delete_queue})
    return names


def step(name: str) -> str:
    return f'["delete_queue", {{"region": "us-east-1", "name": "{name}"}}]\n'


def test_the_last_step_comes_first_and_what_is_gone_is_no_failure(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_main(monkeypatch, step("one") + step("gone") + step("two")) == ""
    assert calls == ["us-east-1 two", "us-east-1 gone", "us-east-1 one"]


def test_what_is_left_is_named_and_the_other_steps_run(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    left = run_main(monkeypatch, step("one") + step("denied") + '["no_step", {}]\n')
    assert "denied" in left
    assert "no_step" in left
    assert "us-east-1 one" in calls


def test_a_step_that_was_not_written_to_its_end_did_not_begin(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_main(monkeypatch, step("one") + '["delete_queue", {"reg') == ""
    assert calls == ["us-east-1 one"]


def test_only_stacks_of_the_checks_are_deleted() -> None:
    with pytest.raises(ValueError, match="not a stack of the checks"):
        cleanup.delete_stack("us-east-1", "alternate-contacts")
