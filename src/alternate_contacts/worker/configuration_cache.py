"""Read the contact configuration, and keep it for a minute."""

import threading
import time
from collections.abc import Callable, Mapping
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


class ConfigurationCache:
    """The configuration of one execution environment. Threads share it; one of them reads, the others wait for it."""

    def __init__(self, store: ParameterStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without any call."""
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: ContactConfiguration | ConfigurationUnreadable | None = None
        self._read_at = self._expires_at = 0.0

    def get(self, deadline: float, *, fresh: bool = False) -> ContactConfiguration:
        """Return a configuration that is at most `KEPT_SECONDS` old or, if it must be ``fresh``, read after this call.

        Raises:
            ConfigurationUnreadable: it could not be read, or it has no known version.
            OutOfTime: it was not read before ``deadline``, a time of the clock.
        """
        called = self._clock()
        with self._lock:
            started = self._clock()
            # Another thread may have read it while this one was waiting for the lock.
            is_stale = fresh and self._read_at < called
            if self._kept is None or started >= self._expires_at or is_stale:
                self._kept, self._read_at = None, started
                self._kept = self._read(deadline)
                failed = isinstance(self._kept, ConfigurationUnreadable)
                # A change during the read may be missing, so the time counts from its start.
                self._expires_at = self._clock() + _ERROR_KEPT_SECONDS if failed else started + KEPT_SECONDS
            if isinstance(self._kept, ConfigurationUnreadable):
                raise ConfigurationUnreadable(self._kept.code, self._kept.operation)
            return self._kept

    def _read(self, deadline: float) -> ContactConfiguration | ConfigurationUnreadable:
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
