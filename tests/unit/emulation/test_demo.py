"""What the demo prints is text, not markup."""

import io

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
