"""What the demo prints is text, not markup, and a signal ends it."""

import io
import signal
from collections.abc import Iterator

import pytest
from rich.console import Console

from emulation import demo
from emulation.deploy import DeploymentError
from emulation.organization import Emulation


def test_the_output_of_a_failed_build_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    text = "sam build: [/usr/bin/pip] failed [red]here[/nothing]"

    def fail(*_: object, **__: object) -> None:
        raise DeploymentError(text)

    monkeypatch.setattr(demo, "Console", lambda: Console(file=output, width=200))
    monkeypatch.setattr(Emulation, "__enter__", fail)
    assert demo.main([]) == 1
    assert text in output.getvalue()


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Restore the handlers of the signals that end the demo, which ignores the next ones."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` ignores it
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signal_handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_demo_with_its_exit_code(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    def receive_signals(_: Emulation) -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGTERM)  # ignored, because the emulation is being stopped

    monkeypatch.setattr(Emulation, "__enter__", receive_signals)
    assert demo.main([]) == 128 + number
