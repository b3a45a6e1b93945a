"""Following the files: when a reload is asked for, read all, then swap one snapshot, then say so."""

import logging
from collections.abc import Callable

from broker import __version__
from broker.errors import BrokerError
from broker.model.policy import Policy
from broker.model.record import Event, JsonValue, Record
from broker.policy.holder import PolicyHolder
from broker.policy.presence import Presence
from broker.ports.operation import SystemLog
from broker.texts import clipped

_log = logging.getLogger(__name__)

_MAX_TOLD = 16_384
"""Characters of why a reload was refused; every process keeps them in its row of the store."""


class PolicyFollower:
    """Keeps one process on the policy that the last good reload gave, on record from start to stop.

    `step()` is called on a beat. A broken set of files keeps the old snapshot, goes on record
    and is answered with its error, so that whoever asked learns of it.
    """

    def __init__(
        self,
        presence: Presence,
        holder: PolicyHolder,
        load: Callable[[], Policy],
        swapped: Callable[[Policy], None],
        log: SystemLog,
    ) -> None:
        self._presence = presence
        self._holder = holder
        self._load = load
        self._swapped = swapped
        self._log = log

    def start(self) -> None:
        """Put on record that the process runs, and on what, and announce it. Raises LogUnavailable."""
        loaded = Record(Event.POLICY_LOADED, self._process())
        self._log.append([self._of_process(Event.PROCESS_STARTED), loaded])
        self._presence.announce(self._holder.current().revision)

    def step(self) -> None:
        """Reload if that was asked for since, and say that the process lives. Raises LogUnavailable."""
        generation = self._presence.asked()
        if generation is None:
            self._presence.keep_up()
            return
        error = self._reload()
        self._presence.answer(generation, self._holder.current().revision, error)

    def stop(self) -> None:
        """Put on record that the process ends in good order, and leave the list. Raises LogUnavailable."""
        self._log.append([self._of_process(Event.PROCESS_STOPPED)])
        self._presence.leave()

    def _process(self) -> dict[str, JsonValue]:
        revision = self._holder.current().revision
        return {"kind": self._presence.kind, "boot": self._presence.boot, "revision": revision}

    def _of_process(self, event: Event) -> Record:
        return Record(event, {**self._process(), "version": __version__})

    def _reload(self) -> str:
        old = self._holder.current().revision
        try:
            policy = self._load()
        except BrokerError as refused:
            return self._refused(old, clipped(str(refused), _MAX_TOLD))
        self._log.append([Record(Event.POLICY_RELOADED, {"revision": policy.revision, "before": old})])
        self._holder.swap(policy)
        self._swapped(policy)
        return ""

    def _refused(self, kept: str, why: str) -> str:
        for line in why.splitlines():
            _log.error("the policy was not reloaded: %s", line)
        self._log.append([Record(Event.POLICY_REFUSED, {"kept": kept, "error": why})])
        return why
