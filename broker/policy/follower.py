"""Following the files: when a reload is asked for, read all, then swap one snapshot, then say so."""

import logging
from collections.abc import Callable

from broker.errors import BrokerError
from broker.model.policy import Policy
from broker.model.record import Event, Record
from broker.policy.holder import PolicyHolder
from broker.ports.operation import Acknowledgement, Processes, SystemLog

_log = logging.getLogger(__name__)


class PolicyFollower:
    """Keeps one process on the policy that the last good reload gave.

    `step()` is called on a beat. A broken set of files keeps the old snapshot, goes on record
    and is answered with its error, so that whoever asked learns of it.
    """

    def __init__(
        self,
        boot: str,
        kind: str,
        processes: Processes,
        holder: PolicyHolder,
        load: Callable[[], Policy],
        swapped: Callable[[Policy], None],
        log: SystemLog,
    ) -> None:
        self._boot = boot
        self._kind = kind
        self._processes = processes
        self._holder = holder
        self._load = load
        self._swapped = swapped
        self._log = log
        self._answered = 0

    def start(self) -> None:
        """Announce the process and what it decides on. Raises LogUnavailable."""
        self._processes.register(self._boot, self._kind, self._holder.current().revision)
        self._answered = self._processes.beat(self._boot)

    def step(self) -> None:
        """Say that the process lives, and reload if that was asked for since. Raises LogUnavailable."""
        generation = self._processes.beat(self._boot)
        if generation != self._answered:
            error = self._reload()
            revision = self._holder.current().revision
            self._processes.acknowledge(Acknowledgement(self._boot, self._kind, generation, revision, error))
            self._answered = generation

    def stop(self) -> None:
        """Leave the list of processes that a reload waits for. Raises LogUnavailable."""
        self._processes.leave(self._boot)

    def _reload(self) -> str:
        old = self._holder.current().revision
        try:
            policy = self._load()
        except BrokerError as refused:
            _log.error("the policy was not reloaded: %s", refused)
            self._log.append([Record(Event.POLICY_REFUSED, {"kept": old, "error": str(refused)})])
            return str(refused)
        self._log.append([Record(Event.POLICY_RELOADED, {"revision": policy.revision, "before": old})])
        self._holder.swap(policy)
        self._swapped(policy)
        return ""
