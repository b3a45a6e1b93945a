"""The latest calls: who asked for what under which operation id, as vpxd's log has it."""

from collections import deque
from dataclasses import dataclass

from broker.lab.soap.call import Call

KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One call: WSDL method, moid of its object, caller, operation id."""

    method: str
    moid: str
    user: str
    operation_id: str | None


class CallLog:
    """The latest calls, oldest first. Thread-safe."""

    def __init__(self) -> None:
        self._heard: deque[Heard] = deque(maxlen=KEPT)

    def note(self, call: Call, method: str, moid: str) -> None:
        """A call has come in."""
        self._heard.append(Heard(method, moid, call.user, call.operation_id))

    def of(self, method: str) -> list[Heard]:
        """The latest calls of one method."""
        return [each for each in self._heard.copy() if each.method == method]
