"""Read the contact configuration, and keep it for a minute."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from alternate_contacts.worker.contact_configuration import ContactConfiguration, parse_configuration
from alternate_contacts.worker.contact_selection import READ_CONFIGURATION
from alternate_contacts.worker.errors import ConfigurationUnreadable, OutOfTime, WorkerError

KEPT_SECONDS = 60.0
"""How long a configuration is used. Messages of a backfill wait longer: `UPDATE_DELAY` in template.yaml."""
_ERROR_KEPT_SECONDS = 2.0
"""Accounts that wait for the same read get its error, and a backfill of 10,000 does not add to a throttle."""


class ParameterStore(Protocol):
    """The parameters below the path of the configuration."""

    def get_page(self, token: str | None) -> tuple[Mapping[str, str | None], str | None]:
        """Return one page as `parse_configuration` takes it, and the token of the next page, if there is one.

        Raises:
            WorkerError: the call failed.
        """


@dataclass(frozen=True)
class _Reading:
    """The result of a read, when the read started, and from when the result is no longer used."""

    result: ContactConfiguration | ConfigurationUnreadable
    started_at: float
    expires_at: float


class ConfigurationCache:
    """The configuration of one execution environment. Threads share it; one of them reads, the others wait for it."""

    def __init__(self, store: ParameterStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any call."""
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: _Reading | None = None

    def get(self, deadline: float, *, fresh: bool = False) -> ContactConfiguration:
        """Return a configuration that is at most `KEPT_SECONDS` old or, if it must be ``fresh``, read after this call.

        Raises:
            ConfigurationUnreadable: it could not be read, or it has no known version.
            OutOfTime: it was not read before ``deadline``, a time of the clock.
        """
        called = self._clock()
        with self._lock:
            kept = self._kept
            # Another thread may have read it while this one was waiting for the lock.
            if kept is None or self._clock() >= kept.expires_at or (fresh and kept.started_at < called):
                kept = self._kept = self._read(deadline)
        if isinstance(kept.result, ConfigurationUnreadable):
            raise ConfigurationUnreadable(kept.result.code, kept.result.operation)
        return kept.result

    def _read(self, deadline: float) -> _Reading:
        started = self._clock()
        result = self._read_pages(deadline)
        if isinstance(result, ConfigurationUnreadable):
            return _Reading(result, started, self._clock() + _ERROR_KEPT_SECONDS)
        # A change during the read may be missing, so the time counts from its start.
        return _Reading(result, started, started + KEPT_SECONDS)

    def _read_pages(self, deadline: float) -> ContactConfiguration | ConfigurationUnreadable:
        parameters: dict[str, str | None] = {}
        token = None
        while True:
            if self._clock() >= deadline:
                raise OutOfTime("not_tried", READ_CONFIGURATION)
            try:
                page, token = self._store.get_page(token)
            except WorkerError as error:
                return ConfigurationUnreadable(error.code, error.operation)
            parameters.update(page)
            if token is None:
                break
        configuration = parse_configuration(parameters)
        if detail := configuration.unreadable_detail:
            return ConfigurationUnreadable(detail, READ_CONFIGURATION)
        return configuration
