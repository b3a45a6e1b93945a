"""Who changed what, as far as vCenter's events tell."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import TypeAlias

from broker.model.names import Moid
from broker.model.principals import canonical_user
from broker.ports.listening import AccessEvent

_MOST_SUBJECTS = 5000
_MOST_EACH = 8
_Subject: TypeAlias = tuple[Moid | int | None, str]


class Changes:
    """The youngest events about each role and each permission. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: OrderedDict[_Subject, deque[AccessEvent]] = OrderedDict()

    def note(self, events: Iterable[AccessEvent]) -> None:
        """Remember these, in their order; an event that is told twice is remembered once."""
        with self._lock:
            for event in events:
                about = self._events.setdefault(_subject(event), deque(maxlen=_MOST_EACH))
                if event not in about:
                    about.append(event)
                self._events.move_to_end(_subject(event))
            while len(self._events) > _MOST_SUBJECTS:
                self._events.popitem(last=False)

    def of_role(self, role_id: int, since: datetime) -> str:
        """Who changed the role since, each once, in order; empty where no event tells."""
        return self._by((role_id, ""), since)

    def of_permission(self, entity: Moid, principal: str, since: datetime) -> str:
        """The same of a permission."""
        return self._by((entity, canonical_user(principal)), since)

    def _by(self, subject: _Subject, since: datetime) -> str:
        with self._lock:
            users = [event.user for event in self._events.get(subject, ()) if event.at >= since]
        return ", ".join(dict.fromkeys(filter(None, users)))


def _subject(event: AccessEvent) -> _Subject:
    if event.role_id is not None:
        return event.role_id, ""
    return event.entity, canonical_user(event.principal)
