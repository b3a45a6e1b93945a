"""Which managed objects exist, by their ids."""

import threading
from collections.abc import Iterable

from broker.lab.soap.call import ManagedObject


class Registry:
    """Objects of the vCenter, and those that belong to a session and die with it. Thread-safe."""

    def __init__(self) -> None:
        self._objects: dict[str, ManagedObject] = {}
        self._of_session: dict[str, dict[str, ManagedObject]] = {}
        self._lock = threading.Lock()

    def add(self, objects: Iterable[ManagedObject]) -> None:
        """Objects that every session sees."""
        self._objects.update({each.moid: each for each in objects})

    def find(self, moid: str, session_key: str | None) -> ManagedObject | None:
        """The object, if it is common or belongs to this session."""
        found = self._objects.get(moid)
        if found is None and session_key is not None:
            return self._of_session.get(session_key, {}).get(moid)
        return found

    def add_to_session(self, session_key: str, managed: ManagedObject) -> None:
        """An object that only this session can name."""
        with self._lock:
            self._of_session.setdefault(session_key, {})[managed.moid] = managed

    def remove_from_session(self, session_key: str, moid: str) -> None:
        """The session destroyed it."""
        with self._lock:
            self._of_session.get(session_key, {}).pop(moid, None)

    def forget_session(self, session_key: str) -> None:
        """The session ended, and all that it made with it."""
        with self._lock:
            self._of_session.pop(session_key, None)

    def of_all_sessions(self) -> list[ManagedObject]:
        """What the sessions made and did not destroy."""
        with self._lock:
            return [each for made in self._of_session.values() for each in made.values()]

    def of_session(self, session_key: str) -> list[ManagedObject]:
        """What the session made and did not destroy."""
        with self._lock:
            return list(self._of_session.get(session_key, {}).values())
