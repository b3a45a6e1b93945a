"""What is heard of a vCenter over the wire, against the lab."""

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Lock, Thread
from typing import Any

import pytest
from pyVmomi import vim

from broker.clock import SystemClock
from broker.model.names import Moid
from broker.model.secret import Secret, SecretReference, SecretVariable
from broker.model.settings import ControllerLogin
from broker.ports.listening import News
from broker.vsphere.administration import VcenterAdministration, administration_of
from broker.vsphere.listening import PAGE
from tests.support.deadline import eventually
from tests.support.lab_vcenter import PASSWORDS, LabVCenter, lab_vcenter
from tests.support.vcenter_entries import MemoryLatch, vcenter_entry

CIM = "Host.Cim.CimInteraction"
ADMIN = "VSPHERE.LOCAL\\administrator"
CLUSTER = "DC1/host/cluster-01"


class Listener:
    """Somebody who listens in a thread, and another with all rights who changes things."""

    def __init__(self, lab: LabVCenter) -> None:
        self.lab = lab
        self.other: Any = lab.login()
        self.news: Queue[News] = Queue()
        self.busy = Lock()
        self.waiting = False
        entry = vcenter_entry("localhost", lab.port, lab.ca_file)
        login = ControllerLogin("administrator@vsphere.local", SecretVariable("UNUSED"))
        self.session: VcenterAdministration = administration_of(
            entry, login, MemoryLatch(), SystemClock(), self._secret
        )
        self._thread = Thread(target=self._listen, daemon=True)

    def _secret(self, _: SecretReference) -> Secret:
        return Secret(PASSWORDS["administrator"])

    def _listen(self) -> None:
        for _ in range(2):
            try:
                self.session.listen(self._told)
            except Exception:  # noqa: BLE001 - its end is not what is looked at here
                continue

    def _told(self, news: News) -> None:
        self.waiting = news.changed
        with self.busy:
            self.news.put(news)
        self.waiting = False

    def start(self) -> News:
        self._thread.start()
        return self.changed()

    def changed(self) -> News:
        """The next news of a change."""
        while not (news := self.news.get(timeout=20)).changed:
            pass
        return news

    def close(self) -> None:
        self.session.close()
        if self._thread.ident is not None:
            self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    with lab_vcenter(tmp_path) as lab:
        made = Listener(lab)
        yield made
        made.close()


def add_role(at: Listener, name: str = "ours") -> int:
    return int(at.other.authorizationManager.AddAuthorizationRole(name, [CIM]))


def set_permission(at: Listener, principal: str = "VSPHERE.LOCAL\\svc-cim-a", role_id: int = -2) -> None:
    held = vim.AuthorizationManager.Permission(
        principal=principal, group=False, roleId=role_id, propagate=True
    )
    entity = vim.ClusterComputeResource(at.lab.moid(CLUSTER))
    at.other.authorizationManager.SetEntityPermissions(entity, [held])


def remove_permission(at: Listener) -> None:
    entity = vim.ClusterComputeResource(at.lab.moid(CLUSTER))
    at.other.authorizationManager.RemoveEntityPermission(entity, "VSPHERE.LOCAL\\svc-cim-a", False)  # noqa: FBT003


def update_role(at: Listener, role_id: int) -> None:
    at.other.authorizationManager.UpdateAuthorizationRole(role_id, "ours", [])


def remove_role(at: Listener, role_id: int) -> None:
    at.other.authorizationManager.RemoveAuthorizationRole(role_id, False)  # noqa: FBT003


def test_a_role_that_comes_changes_and_goes_is_heard_with_who_did_it(listener: Listener) -> None:
    first = listener.start()
    assert (first.events, first.missed) == ((), True)
    role_id = add_role(listener)
    for change in (None, update_role, remove_role):
        if change is not None:
            change(listener, role_id)
        news = listener.changed()
        assert [(e.role_id, e.user, e.entity) for e in news.events] == [(role_id, ADMIN, None)]
        assert not news.missed


def test_a_permission_that_comes_changes_and_goes_is_heard_with_its_place(listener: Listener) -> None:
    role_id = add_role(listener)
    listener.start()
    entity = Moid(listener.lab.moid(CLUSTER))
    steps: tuple[Callable[[], None], ...] = (
        lambda: set_permission(listener),
        lambda: set_permission(listener, role_id=role_id),
        lambda: remove_permission(listener),
    )
    for step in steps:
        step()
        (event,) = listener.changed().events
        assert (event.role_id, event.user, event.entity) == (None, ADMIN, entity)
        assert event.principal == "VSPHERE.LOCAL\\svc-cim-a"


def test_a_new_name_and_a_new_place_are_heard_without_an_event(listener: Listener) -> None:
    listener.start()
    listener.lab.world.rename(f"/{CLUSTER}", "moved")
    assert listener.changed() == News((), changed=True, missed=False)
    listener.lab.world.move("/DC1/host/moved", "/DC2/host")
    assert listener.changed() == News((), changed=True, missed=False)


def test_what_happened_before_is_heard_first_and_may_not_be_all(listener: Listener) -> None:
    role_id = add_role(listener)
    first = listener.start()
    assert [event.role_id for event in first.events] == [role_id]
    assert first.missed
    assert listener.session.events() == first.events


def post(at: Listener, role_id: int) -> None:
    role = vim.event.RoleEventArgument(roleId=role_id, name="r")
    at.lab.events.post(vim.event.RoleAddedEvent(role=role, userName=ADMIN))


def test_more_events_than_are_kept_are_told_as_missed(listener: Listener) -> None:
    listener.start()
    with listener.busy:
        post(listener, 1)
        assert eventually(lambda: listener.waiting)
        for number in range(PAGE + 10):
            post(listener, 1000 + number)
    assert not listener.changed().missed
    news = listener.changed()
    assert [event.role_id for event in news.events] == list(range(1010, 1010 + PAGE))
    assert news.missed


def test_silence_is_told_every_few_seconds(listener: Listener) -> None:
    listener.start()
    assert listener.news.get(timeout=20) == News((), changed=False, missed=False)


def test_a_session_that_ended_is_made_good_by_hearing_anew(listener: Listener) -> None:
    listener.start()
    listener.lab.sessions.kill(ADMIN)
    listener.other = listener.lab.login()
    role_id = add_role(listener)
    news = listener.changed()
    assert news.missed or [event.role_id for event in news.events] == [role_id]


def test_a_hostile_name_is_made_to_print(listener: Listener) -> None:
    listener.start()
    hostile = "CORP\\x\n2026-01-01 INFO\x1b[2J\u202e" + "y" * 500
    role = vim.event.RoleEventArgument(roleId=7, name="r")
    listener.lab.events.post(vim.event.RoleRemovedEvent(role=role, userName=hostile.replace("\x1b", "")))
    (event,) = listener.changed().events
    assert event.user.isprintable()
    assert len(event.user) < 200


def test_what_listened_leaves_nothing_behind_in_a_session_that_lives_on(listener: Listener) -> None:
    for _ in range(40):  # a session has 32 collectors
        assert listener.session.events() == ()
