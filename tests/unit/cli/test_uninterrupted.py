"""Ctrl-C, as a signal to this process, lets a call end."""

import signal
import threading

import pytest

from alternate_contacts.cli.aws import uninterrupted
from alternate_contacts.cli.aws.uninterrupted import run_to_end


def press_ctrl_c() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_ctrl_c_lets_the_call_end() -> None:
    ended: list[bool] = []

    def call() -> None:
        press_ctrl_c()
        ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_to_end(call)
    assert ended == [True]


def test_ctrl_c_does_not_wait_for_a_call_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uninterrupted, "GRACE_SECONDS", 0.05)
    may_end = threading.Event()

    def call() -> None:
        press_ctrl_c()
        may_end.wait(10)

    with pytest.raises(KeyboardInterrupt):
        run_to_end(call)
    may_end.set()


def test_the_error_of_a_call_is_raised() -> None:
    def call() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_to_end(call)
