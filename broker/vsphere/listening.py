"""Waiting for what others do to roles, permissions, names and places of a vCenter, by one long wait.

Events of roles and permissions come through a collector's latest page, which vCenter keeps and tells of
(vSphere API, HistoryCollector.latestPage). For new names and places there is no event of every kind, so
those properties are waited for themselves.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

from pyVmomi import vim, vmodl

from broker.errors import InvalidName, Refused
from broker.model.names import Moid, parse_moid
from broker.ports.listening import AccessEvent, News, Told
from broker.texts import cleaned
from broker.vsphere.connection import Link
from broker.vsphere.faults import answered
from broker.vsphere.properties import property_of
from broker.vsphere.remote import Remote, identity_of

_Collector = vmodl.query.PropertyCollector

EVENTS = (
    "RoleAddedEvent",
    "RoleUpdatedEvent",
    "RoleRemovedEvent",
    "PermissionAddedEvent",
    "PermissionUpdatedEvent",
    "PermissionRemovedEvent",
)

PAGE = 200
"""Events that are kept for us while we look elsewhere; what more there were is made good by looking."""

_PLACES = (vim.Folder, vim.Datacenter, vim.ComputeResource, vim.HostSystem)
_CHUNK = 500
"""Objects per answer, so that the first one about a large inventory is bounded."""
_WAIT_S = 5
"""Of one wait without news: a session that ended, or a vCenter gone silent, is found out this soon."""
_PATIENCE_S = 50.0
"""For one answer: the first one about a large inventory takes vCenter a while."""
_MAX_NAME = 120


def listen(link: Link, told: Told) -> None:
    """Tell of everything, and every few seconds that there was nothing, for as long as the wait lasts.

    Raises Refused; faults come as pyVmomi raises them.
    """
    content = link.content
    with ExitStack() as made, link.stub.patience(_PATIENCE_S):
        waiting = content.propertyCollector.CreatePropertyCollector()
        made.callback(_destroy, waiting.Destroy)
        view = content.viewManager.CreateContainerView(
            container=content.rootFolder, type=list(_PLACES), recursive=True
        )
        made.callback(_destroy, view.DestroyView)
        events = _collector(link)
        made.callback(_destroy, events.DestroyCollector)
        for spec in (_latest_page(events), _names_and_places(view)):
            waiting.CreateFilter(spec=spec, partialUpdates=False)
        _follow(waiting, told)


def recent(link: Link) -> tuple[AccessEvent, ...]:
    """The youngest events, oldest first. Faults come as pyVmomi raises them."""
    events = _collector(link)
    try:
        return tuple(_events(property_of(link.content, events, "latestPage") or []))
    finally:
        _destroy(events.DestroyCollector)


def _collector(link: Link) -> Remote:
    wanted = vim.event.EventFilterSpec(eventTypeId=list(EVENTS))
    events = link.content.eventManager.CreateCollectorForEvents(wanted)
    events.SetCollectorPageSize(PAGE)
    return events


def _destroy(remains: Callable[[], None]) -> None:
    """So that a session which lives on does not fill with what nobody waits for."""
    with suppress(Refused):
        answered(remains)


def _follow(waiting: Remote, told: Told) -> None:
    version, last, complete = "", None, False
    options = _Collector.WaitOptions(maxWaitSeconds=_WAIT_S, maxObjectUpdates=_CHUNK)
    while True:
        update = waiting.WaitForUpdatesEx(version, options)
        page: list[Remote] | None = None
        if update is not None:
            version = update.version
            page = _page_of(update)
        if page is not None:
            fresh = [event for event in page if last is None or event.key > last]
            missed = last is None or (len(page) >= PAGE and len(fresh) == len(page))
            last = max((event.key for event in page), default=last or 0)
            told(News(tuple(_events(fresh)), changed=True, missed=missed))
        elif complete:
            told(News((), changed=update is not None, missed=False))
        complete = complete or update is None or not update.truncated


def _page_of(update: Remote) -> list[Remote] | None:
    """The latest page, if the update brings it."""
    for filtered in update.filterSet or ():
        for entry in filtered.objectSet or ():
            for change in entry.changeSet or ():
                if change.name == "latestPage":
                    return list(change.val or ())
    return None


def _events(page: list[Remote]) -> Iterator[AccessEvent]:
    """Oldest first, as their keys have it: what order a page is in is not relied on."""
    for event in sorted(page, key=lambda each: int(each.key)):
        about_permission = isinstance(event, vim.event.PermissionEvent)
        yield AccessEvent(
            at=event.createdTime,
            user=cleaned(event.userName or "", _MAX_NAME),
            role_id=None if about_permission else event.role.roleId,
            entity=_moid(event.entity.entity) if about_permission else None,
            principal=cleaned(event.principal or "", _MAX_NAME) if about_permission else "",
        )


def _moid(subject: Remote) -> Moid | None:
    try:
        return parse_moid(identity_of(subject))
    except InvalidName:
        return None


def _latest_page(events: Remote) -> Remote:
    page = _Collector.PropertySpec(type=vim.event.EventHistoryCollector, all=False, pathSet=["latestPage"])
    return _Collector.FilterSpec(objectSet=[_Collector.ObjectSpec(obj=events)], propSet=[page])


def _names_and_places(view: Remote) -> Remote:
    wanted = [_Collector.PropertySpec(type=kind, all=False, pathSet=["name", "parent"]) for kind in _PLACES]
    into = _Collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
    return _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=view, skip=True, selectSet=[into])], propSet=wanted
    )
