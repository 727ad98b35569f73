"""How a module here completes ministack: by dotted name, declared beside the function that takes its place.

    patches = Patches()

    @patches.around("ministack.services.sqs._act_send_message")
    def send_message(original, data, queue_url): ...

`original` is what the name meant before, so a completion reads as "first this, then what ministack does".
The names are private to ministack; `Patches.names` is what the tests hold against the pinned version.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Patches:
    """The completions of one service, applied together by `install`."""

    _replacements: list[tuple[str, str | None, Callable[[Any], Any]]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The dotted names replaced; an entry of a dictionary reads `module.name[key]`."""
        return tuple(name if key is None else f"{name}[{key}]" for name, key, _ in self._replacements)

    def around(self, name: str, key: str | None = None) -> Callable[[Function], Function]:
        """Put the decorated function in front of `name` (or of `name[key]`); it gets the original first."""

        def decorate(function: Function) -> Function:
            def complete(original: Any) -> Any:
                if original is None:
                    raise LookupError(f"ministack has no {name}[{key}] any more")
                return partial(function, original)

            self._replacements.append((name, key, complete))
            return function

        return decorate

    def adds(self, name: str, key: str) -> Callable[[Function], Function]:
        """Let the dictionary `name` answer `key` with the decorated function."""

        def decorate(function: Function) -> Function:
            self.value(name, function, key)
            return function

        return decorate

    def value(self, name: str, value: object, key: str | None = None) -> None:
        """Make `name` (or `name[key]`) mean `value`."""
        self._replacements.append((name, key, lambda _: value))

    def install(self) -> None:
        """Make the replacements, in the order they were declared."""
        for name, key, make in self._replacements:
            path, _, attribute = name.rpartition(".")
            owner = import_module(path)
            current = getattr(owner, attribute)
            if key is None:
                setattr(owner, attribute, make(current))
            else:
                current[key] = make(current.get(key))
