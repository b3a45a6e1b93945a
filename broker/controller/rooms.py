"""What the controller is handed, and how its privileged side of a vCenter is opened."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from broker.errors import BrokerError
from broker.model.policy import Vcenter
from broker.ports.administration import Administration, AppliedStore, HeardStore
from broker.ports.clock import Clock
from broker.ports.operation import SystemLog

OpenAdministration = Callable[[Vcenter], Administration]
"""Gives the privileged side of a vCenter. Raises BrokerError where there is no login for it."""


class NoLogin(BrokerError):
    """The controller's file has no log-in for a vCenter that a grant is for."""


@dataclass(frozen=True, slots=True)
class ControllerRooms:
    """What the controller is handed."""

    store: AppliedStore
    heard: HeardStore
    log: SystemLog
    clock: Clock
    administration: OpenAdministration
    pause: Callable[[float], None] = time.sleep
    """Waits so many seconds: between two looks whether a change has taken effect."""


@contextmanager
def kept_open(rooms: ControllerRooms) -> Iterator[ControllerRooms]:
    """Rooms in which a vCenter is logged in to once; all are logged out at the end."""
    sessions: dict[Vcenter, Administration] = {}

    def administration(vcenter: Vcenter) -> Administration:
        if vcenter not in sessions:
            sessions[vcenter] = rooms.administration(vcenter)
        return sessions[vcenter]

    try:
        yield replace(rooms, administration=administration)
    finally:
        for session in sessions.values():
            session.close()
