"""Keeps one account's inventory up to date by one long wait."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Event, Thread

from pyVmomi import vim, vmodl

from broker.errors import Reason, Refused
from broker.model.names import AccountId, VcenterId, parse_moid
from broker.ports.clock import Clock
from broker.vsphere.connection import Link
from broker.vsphere.faults import answered
from broker.vsphere.hosts import HOST_PATHS
from broker.vsphere.inventory import EMPTY, Inventory, Tree
from broker.vsphere.remote import Remote, identity_of
from broker.vsphere.sessions import Session

_LOG = logging.getLogger(__name__)

_Collector = vmodl.query.PropertyCollector

CONTAINERS = (vim.Datacenter, vim.Folder, vim.ComputeResource)
_CHUNK = 500
"""Objects per answer, so that the first sync of a large inventory stays inside the call's timeout."""

_WAIT_S = 5
"""Of one wait without news: an ended session, or a vCenter gone silent, is found out this soon."""

_PATIENCE_S = 50.0
"""For the answer to a wait: the first one about a large inventory takes vCenter a while.

It holds no place of the gate, and an inventory that is not confirmed in this time refuses anyway.
"""

_SHORTEST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An inventory, and the monotonic time at which vCenter last said that it holds."""

    inventory: Inventory
    at: float


class Watcher:
    """A thread that holds one account's inventory. `confirmed` is swapped whole, never changed."""

    def __init__(self, account: AccountId, vcenter: VcenterId, session: Session, clock: Clock) -> None:
        self._account = account
        self._vcenter = vcenter
        self._session = session
        self._clock = clock
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"inventory-{account}", daemon=True)
        self.confirmed: Confirmed | None = None
        self.trouble: Reason | None = None
        """Why the last try to follow the inventory ended; None while it is followed."""

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer. The wait under way ends when its session does."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread's end, so long at most."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        pause_s = _SHORTEST_PAUSE_S
        while not self._stop.is_set():
            before = self.confirmed
            try:
                self._session.wait(self._follow)
            except Refused as refusal:
                self._broken(refusal.reason, str(refusal))
            except Exception as defect:  # noqa: BLE001 - the thread must outlive whatever an answer was made of
                self._broken(Reason.INTERNAL_ERROR, type(defect).__name__)
            synced = self.confirmed is not before
            pause_s = _SHORTEST_PAUSE_S if synced else min(2 * pause_s, _LONGEST_PAUSE_S)
            self._rest(pause_s)

    def _rest(self, pause_s: float) -> None:
        """Pause, but no longer than it takes another thread to log in again."""
        lost = not self._session.logged_in
        for _ in range(round(pause_s / _SHORTEST_PAUSE_S)):
            if self._stop.wait(_SHORTEST_PAUSE_S) or (lost and self._session.logged_in):
                return

    def _broken(self, reason: Reason, text: str) -> None:
        if not self._stop.is_set():
            self.trouble = reason
            _LOG.warning("inventory of %s: %s", self._account, text)

    def _follow(self, link: Link) -> None:
        """Sync once in full, then follow until something breaks or the watcher is stopped."""
        content = link.content
        with ExitStack() as made:
            collector = content.propertyCollector.CreatePropertyCollector()
            made.callback(self._destroy, collector.Destroy)
            view = content.viewManager.CreateContainerView(
                container=content.rootFolder, type=[vim.HostSystem, *CONTAINERS], recursive=True
            )
            made.callback(self._destroy, view.DestroyView)
            collector.CreateFilter(spec=_filter(view), partialUpdates=False)
            root = parse_moid(identity_of(content.rootFolder))
            with link.stub.patience(_PATIENCE_S):
                self._updates(collector, Tree(self._vcenter, link.instance_uuid, root))

    def _destroy(self, remains: Callable[[], None]) -> None:
        """So that a session which lives on does not fill with what nobody waits for."""
        if not self._stop.is_set():
            with suppress(Refused):
                answered(remains)

    def _updates(self, collector: Remote, tree: Tree) -> None:
        version, complete = "", False
        options = _Collector.WaitOptions(maxWaitSeconds=_WAIT_S, maxObjectUpdates=_CHUNK)
        while not self._stop.is_set():
            update = collector.WaitForUpdatesEx(version, options)
            if update is None:
                self._confirm(None if complete else tree.inventory())
                complete = True
                continue
            version, complete = update.version, not update.truncated
            for filtered in update.filterSet or ():
                for entry in filtered.objectSet or ():
                    _apply(entry, tree)
            if complete:
                self._confirm(tree.inventory())

    def _confirm(self, changed: Inventory | None) -> None:
        before = self.confirmed.inventory if self.confirmed else EMPTY
        inventory = changed or before
        self.confirmed = Confirmed(inventory, self._clock.monotonic())
        self.trouble = None
        if inventory.nameless != before.nameless:
            _LOG.warning(
                "inventory of %s: hosts that cannot be found by the name that vCenter shows: %d",
                self._account,
                inventory.nameless,
            )


def _filter(view: Remote) -> Remote:
    hosts = _Collector.PropertySpec(type=vim.HostSystem, all=False, pathSet=list(HOST_PATHS))
    places = [_Collector.PropertySpec(type=kind, all=False, pathSet=["parent"]) for kind in CONTAINERS]
    into = _Collector.TraversalSpec(name="view", type=vim.view.ContainerView, path="view", skip=False)
    return _Collector.FilterSpec(
        objectSet=[_Collector.ObjectSpec(obj=view, skip=True, selectSet=[into])], propSet=[hosts, *places]
    )


def _apply(entry: Remote, tree: Tree) -> None:
    identity = identity_of(entry.obj)
    if entry.kind == "leave":
        tree.take(identity)
        return
    changes = {c.name: c.val for c in entry.changeSet or () if c.op == "assign"}
    if not isinstance(entry.obj, vim.HostSystem):
        tree.put_container(identity, changes.get("parent"))
        return
    gone = [c.name for c in entry.changeSet or () if c.op != "assign"]
    gone.extend(missing.path for missing in entry.missingSet or ())
    tree.put_host(identity, changes, gone)
