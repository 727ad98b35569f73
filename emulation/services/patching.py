"""Replace functions of ministack by dotted name; the name stands beside the function that replaces it.

    patches = Patches()

    @patches.around("ministack.services.sqs._act_send_message")
    def send_message(original, data, queue_url): ...

`original` is ministack's own function. The names are private to ministack; a test checks that the pinned version has
all of `Patches.names`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Patches:
    """The replacements in one service; `install` makes them."""

    _replacements: list[tuple[str, str | None, Callable[[Any], Any]]] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        """The replaced names; an entry of a dictionary is `module.name[key]`."""
        return tuple(name if key is None else f"{name}[{key}]" for name, key, _ in self._replacements)

    def around(self, name: str, key: str | None = None) -> Callable[[Function], Function]:
        """Replace `name` (or `name[key]`) by the decorated function, whose first argument is the original."""

        def decorate(function: Function) -> Function:
            def complete(original: Any) -> Any:
                if original is None:
                    raise LookupError(f"ministack has no {name}[{key}]")
                return partial(function, original)

            self._replacements.append((name, key, complete))
            return function

        return decorate

    def adds(self, name: str, key: str) -> Callable[[Function], Function]:
        """Set `name[key]` of a dictionary to the decorated function."""

        def decorate(function: Function) -> Function:
            self.value(name, function, key)
            return function

        return decorate

    def value(self, name: str, value: object, key: str | None = None) -> None:
        """Set `name` (or `name[key]`) to `value`."""
        self._replacements.append((name, key, lambda _: value))

    def install(self) -> None:
        """Make the replacements in the order of their declarations."""
        for name, key, make in self._replacements:
            path, _, attribute = name.rpartition(".")
            owner = import_module(path)
            current = getattr(owner, attribute)
            if key is None:
                setattr(owner, attribute, make(current))
            else:
                current[key] = make(current.get(key))
