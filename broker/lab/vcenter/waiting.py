"""What one client of one property collector has been told, by version, and waiting for more."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call, ManagedObject, Session
from broker.lab.soap.registry import Registry
from broker.lab.vcenter.filters import Filter, Known
from broker.lab.vcenter.properties import PropertyReader
from broker.lab.vcenter.selection import Selector
from broker.lab.world.changes import Changes
from broker.lab.world.values import VimValue, moid_of

_Collector = vmodl.query.PropertyCollector
_LOOK_AGAIN_S = 1.0


class LiveSessions(Protocol):
    """What a waiting call asks about its session."""

    def find(self, key: str) -> Session | None:
        """The live session with this key."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a client knew at a version: the journal's revision, each filter's objects, what is to come."""

    revision: int
    known: dict[str, Known] = field(default_factory=dict)
    backlog: tuple[tuple[VimValue, VimValue], ...] = ()


@dataclass(frozen=True, slots=True)
class Workshop:
    """What collectors work with."""

    registry: Registry
    sessions: LiveSessions
    changes: Changes
    selector: Selector
    reader: PropertyReader


class ClientState:
    """Filters and versions of one collector in one session. Thread-safe."""

    def __init__(self, session_key: str, workshop: Workshop) -> None:
        self._key = session_key
        self._shop = workshop
        self._filters: dict[str, Filter] = {}
        self._versions: dict[str, Checkpoint] = {}
        self._next_version = 1
        self._cancelled = 0
        self._lock = threading.RLock()

    def create_filter(self, call: Call, spec: VimValue) -> Filter:
        """A new filter. Raises InvalidProperty, InvalidArgument, ManagedObjectNotFound."""
        self._shop.selector.check(spec)
        self._shop.selector.select(call, spec)
        moid = f"session[{self._key}]{uuid.uuid4()}"
        made = Filter(moid, spec, self, self._shop.selector, self._shop.reader)
        with self._lock:
            self._filters[moid] = made
        self._shop.registry.add_to_session(self._key, made)
        self._shop.changes.wake()
        return made

    def filters(self) -> list[VimValue]:
        """References to the filters."""
        with self._lock:
            return [_Collector.Filter(moid) for moid in self._filters]

    def find(self, moid: str) -> ManagedObject | None:
        """An object that the session can name."""
        return self._shop.registry.find(moid, self._key)

    def destroy(self, filter_moid: str) -> None:
        """Forget a filter."""
        with self._lock:
            self._filters.pop(filter_moid, None)
        self._shop.registry.remove_from_session(self._key, filter_moid)

    def destroy_all(self) -> None:
        """Forget every filter."""
        for reference in self.filters():
            self.destroy(moid_of(reference))

    def cancel(self) -> None:
        """Let waiting calls end with RequestCanceled. Takes no lock: whoever ends a session may call it."""
        self._cancelled += 1
        self._shop.changes.wake()

    def wait(self, call: Call, version: str, seconds: float | None, most: int | None) -> VimValue | None:
        """The next update set; None when `seconds` have passed without one (`None`: wait on).

        Raises InvalidCollectorVersion for a version that is neither the last nor the one before,
        RequestCanceled when cancelled or the lab stops, NotAuthenticated when the session ended meanwhile.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        cancelled = self._cancelled
        while True:
            revision = self._shop.changes.revision
            found = self._updates(call, version, most)
            if found is not None:
                return found
            left = _LOOK_AGAIN_S if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            self._shop.changes.wait(revision, min(left, _LOOK_AGAIN_S))
            self._check_alive(cancelled)

    def _check_alive(self, cancelled: int) -> None:
        if self._cancelled != cancelled or self._shop.changes.closed:
            raise vmodl.fault.RequestCanceled
        if self._shop.sessions.find(self._key) is None:
            raise vim.fault.NotAuthenticated(privilegeId="System.View")

    def _updates(self, call: Call, version: str, most: int | None) -> VimValue | None:
        with self._lock:
            base = self._base(version)
            since = self._shop.changes.since(base.revision)
            updates, known = list(base.backlog), {}
            for moid, each in list(self._filters.items()):
                before = base.known.get(moid)
                told = each.everything(call) if before is None else each.news(call, before, since)
                known[moid] = told.known
                updates.extend((_Collector.Filter(moid), update) for update in told.updates)
            if not updates:
                return None
            cut = len(updates) if most is None else most
            return self._update_set(
                version, base, Checkpoint(since.revision, known, tuple(updates[cut:])), updates[:cut]
            )

    def _base(self, version: str) -> Checkpoint:
        if not version:
            return Checkpoint(self._shop.changes.revision)
        try:
            return self._versions[version]
        except KeyError:
            raise vmodl.query.InvalidCollectorVersion from None

    def _update_set(
        self, version: str, base: Checkpoint, now: Checkpoint, updates: list[tuple[VimValue, VimValue]]
    ) -> VimValue:
        name = str(self._next_version)
        self._next_version += 1
        self._versions = {version: base, name: now} if version else {name: now}
        by_filter: dict[str, list[VimValue]] = {}
        for reference, update in updates:
            by_filter.setdefault(moid_of(reference), []).append(update)
        return _Collector.UpdateSet(
            version=name,
            filterSet=[
                _Collector.FilterUpdate(filter=_Collector.Filter(moid), objectSet=objects)
                for moid, objects in by_filter.items()
            ],
            truncated=bool(now.backlog) or None,
        )
