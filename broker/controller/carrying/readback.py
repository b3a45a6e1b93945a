"""Waiting until vCenter shows a change: an update may take effect after its answer."""

from collections.abc import Callable
from typing import TypeVar

from broker.controller.planning.plan import ProblemKind
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable, Reason, Refused

EFFECTIVE_WITHIN_S = 10.0
"""A role's update may return before it is in force: about 100 ms, load-dependent (vSphere API)."""

_LOOK_EVERY_S = 0.1

T = TypeVar("T")


class Failed(BrokerError):
    """A step that was not made, or whose end is not what was asked for."""

    def __init__(self, kind: ProblemKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


_NOTHING_MORE = frozenset(
    {
        Reason.LOG_UNAVAILABLE,
        Reason.VCENTER_UNAVAILABLE,
        Reason.VCENTER_TIMEOUT,
        Reason.VCENTER_BUSY,
        Reason.LOGIN_LATCHED,
        Reason.SHUTTING_DOWN,
    }
)


def is_over(error: BrokerError) -> bool:
    """Whether the vCenter is not to be asked for the next step either."""
    return isinstance(error, Refused) and error.reason in _NOTHING_MORE


def written(
    rooms: ControllerRooms, write: Callable[[], None], look: Callable[[], T], shows: Callable[[T], bool]
) -> T:
    """Write, then look until it shows; gives what is seen last, whether or not that is it.

    An answer that was lost says nothing: what shows afterwards counts. Raises what `write` and
    `look` raise; that of `write` only where its effect does not show.
    """
    lost = _lost(write)
    deadline = rooms.clock.monotonic() + EFFECTIVE_WITHIN_S
    while not shows(seen := look()):
        if lost is not None:
            raise lost
        if rooms.clock.monotonic() >= deadline:
            break
        rooms.pause(_LOOK_EVERY_S)
    return seen


def _lost(write: Callable[[], None]) -> Refused | None:
    try:
        write()
    except LogUnavailable:
        raise
    except Refused as error:
        if error.reason in (Reason.VCENTER_TIMEOUT, Reason.VCENTER_UNAVAILABLE):
            return error
        raise
    return None
