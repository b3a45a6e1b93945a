"""What a vCenter tells the controller of by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from broker.model.names import Moid


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """That a role or a permission came, changed or went, as an event of vCenter tells it."""

    at: datetime
    """By vCenter's clock."""
    user: str
    """Who did it, as vCenter writes it, made to print; empty where it was vCenter itself."""
    role_id: int | None
    """The role that the event is about; None where it is about a permission."""
    entity: Moid | None
    """Where the permission is defined; None where the event is about a role."""
    principal: str
    """Whom the permission is for, made to print."""


@dataclass(frozen=True, slots=True)
class News:
    """What was heard since the last time. Without `changed` it is that nothing happened."""

    events: tuple[AccessEvent, ...]
    """Oldest first. The first news of a session bring those that happened before it as well."""
    changed: bool
    """Whether a role, a permission, a name or a place may have changed."""
    missed: bool
    """Whether there may have been more events than are here."""


Told: TypeAlias = Callable[[News], None]
