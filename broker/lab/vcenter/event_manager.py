"""EventManager: what happened, to be read in one go or page by page."""

import uuid

from pyVmomi import vim, vmodl

from broker.lab.soap.call import Call
from broker.lab.soap.gate import VIEW, Gate
from broker.lab.soap.registry import Registry
from broker.lab.vcenter.event_filter import entities_of, fits
from broker.lab.world.events import EventLog
from broker.lab.world.inventory import Inventory
from broker.lab.world.values import VimValue

PAGE = 1000
"""Events that QueryEvents gives at most, as vCenter does."""

MOST_COLLECTORS = 32

_POSTED = (
    "UserLoginSessionEvent",
    "UserLogoutSessionEvent",
    "BadUsernameSessionEvent",
    "NoAccessUserEvent",
    "AlreadyAuthenticatedSessionEvent",
    "SessionTerminatedEvent",
    "RoleAddedEvent",
    "RoleUpdatedEvent",
    "RoleRemovedEvent",
    "PermissionAddedEvent",
    "PermissionUpdatedEvent",
    "PermissionRemovedEvent",
)


class Reading:
    """Events that a filter picks and the caller may see."""

    def __init__(self, events: EventLog, inventory: Inventory, gate: Gate) -> None:
        self._events = events
        self._inventory = inventory
        self._gate = gate

    def picked(self, call: Call, wanted: VimValue) -> list[VimValue]:
        """Oldest first."""
        return [each for each in self._events.all() if self.picks(each, wanted) and self.visible(call, each)]

    def picks(self, event: VimValue, wanted: VimValue) -> bool:
        """Whether the filter picks the event."""
        return fits(event, wanted, self._inventory)

    def visible(self, call: Call, event: VimValue) -> bool:
        """Whether the caller may see every entity that the event names."""
        return all(self._gate.holds(call, moid, VIEW) for moid in entities_of(event))

    def latest(self, call: Call) -> VimValue | None:
        """The youngest that the caller may see."""
        return next((each for each in reversed(self._events.all()) if self.visible(call, each)), None)


class EventManager:
    """The managed object."""

    vim_type = vim.event.EventManager
    moid = "EventManager"

    def __init__(self, reading: Reading, registry: Registry) -> None:
        self._reading = reading
        self._registry = registry

    def QueryEvents(
        self,
        call: Call,
        *,
        filter: VimValue,  # noqa: A002 - the API's name
        eventViewSpec: VimValue = None,
    ) -> list[VimValue]:
        """The youngest thousand that fit, oldest first."""
        most = filter.maxCount or PAGE
        return self._reading.picked(call, filter)[-min(most, PAGE) :]

    def CreateCollectorForEvents(self, call: Call, *, filter: VimValue) -> VimValue:  # noqa: A002 - as above
        """A collector that lives as long as the session. Raises InvalidState for one too many."""
        key = call.session.key if call.session else ""
        mine = [each for each in self._registry.of_session(key) if isinstance(each, EventHistoryCollector)]
        if len(mine) >= MOST_COLLECTORS:
            raise vim.fault.InvalidState
        made = EventHistoryCollector(f"session[{key}]{uuid.uuid4()}", filter, self._reading, self._registry)
        self._registry.add_to_session(key, made)
        return vim.event.EventHistoryCollector(made.moid)

    def posted(self, event: VimValue) -> list[str]:
        """The collectors whose latest page has it now, by their moids."""
        collectors = (e for e in self._registry.of_all_sessions() if isinstance(e, EventHistoryCollector))
        return [each.moid for each in collectors if self._reading.picks(event, each.wanted)]

    def read_latestEvent(self, call: Call) -> VimValue:
        """The youngest."""
        return self._reading.latest(call)

    def read_maxCollector(self, call: Call) -> int:
        """Collectors per session."""
        return MOST_COLLECTORS

    def read_description(self, call: Call) -> VimValue:
        """Categories, and the events that the lab posts."""
        return _description()


class EventHistoryCollector:
    """A place in the history; it starts before the oldest event that fits."""

    vim_type = vim.event.EventHistoryCollector

    def __init__(self, moid: str, wanted: VimValue, reading: Reading, registry: Registry) -> None:
        self.moid = moid
        self.wanted = wanted
        self._reading = reading
        self._registry = registry
        self._key = 0
        self._page_size = 10

    def ReadNextEvents(self, call: Call, *, maxCount: int) -> list[VimValue]:
        """The next ones towards now, oldest first. Raises InvalidArgument."""
        if maxCount <= 0:
            raise vmodl.fault.InvalidArgument(invalidProperty="maxCount")
        found = [each for each in self._picked(call) if each.key > self._key][:maxCount]
        if found:
            self._key = found[-1].key
        return found

    def ReadPreviousEvents(self, call: Call, *, maxCount: int) -> list[VimValue]:
        """Those before the place, youngest first; the place moves back. Raises InvalidArgument."""
        if maxCount <= 0:
            raise vmodl.fault.InvalidArgument(invalidProperty="maxCount")
        found = [each for each in self._picked(call) if each.key < self._key][-maxCount:]
        if found:
            self._key = found[0].key
        return found[::-1]

    def RewindCollector(self, call: Call) -> None:
        """Before the oldest."""
        self._key = 0

    def ResetCollector(self, call: Call) -> None:
        """Behind the latest page, so that reading goes on with what is new."""
        picked = self._picked(call)
        self._key = picked[-1].key if picked else 0

    def SetCollectorPageSize(self, call: Call, *, maxCount: int) -> None:
        """How many latestPage shows; the place starts over. Raises InvalidArgument."""
        if not 0 < maxCount <= PAGE:
            raise vmodl.fault.InvalidArgument(invalidProperty="maxCount")
        self._page_size = maxCount
        self.ResetCollector(call)

    def DestroyCollector(self, call: Call) -> None:
        """The session needs it no longer."""
        if call.session is not None:
            self._registry.remove_from_session(call.session.key, self.moid)

    def read_latestPage(self, call: Call) -> list[VimValue]:
        """The youngest, youngest first."""
        return self._picked(call)[-self._page_size :][::-1]

    def read_filter(self, call: Call) -> VimValue:
        """As it was created."""
        return self.wanted

    def _picked(self, call: Call) -> list[VimValue]:
        return self._reading.picked(call, self.wanted)


def _description() -> VimValue:
    names = ("info", "warning", "error", "user")
    return vim.event.EventDescription(
        category=[
            vim.ElementDescription(label=each.title(), summary=each.title(), key=each) for each in names
        ],
        eventInfo=[_detail(key) for key in _POSTED],
    )


def _detail(key: str) -> VimValue:
    formats = ("formatOnDatacenter", "formatOnComputeResource", "formatOnHost", "formatOnVm")
    return vim.event.EventDescription.EventDetail(
        key=getattr(vim.event, key),
        category="info",
        fullFormat="{fullFormattedMessage}",
        **dict.fromkeys(formats, ""),
    )
