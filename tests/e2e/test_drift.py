"""What somebody else does in vCenter, told by its events, stops tickets: real processes, in real time."""

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from pyVmomi import vim

from broker.demo.files import GRANT
from tests.support.lab import logged_in
from tests.support.stack import ROOT, SCOPE, Stack, end, until

CIM, WIDER = "Host.Cim.CimInteraction", "Host.Config.SystemManagement"
READ_ONLY = -2
ROLE = "cim-broker-cim-ticket"
ACCOUNT = "VSPHERE.LOCAL\\svc-cim-a"
ADMIN = "VSPHERE.LOCAL\\administrator"
WITHIN_S = 5.0
"""From the change, which is a little more than from its event's arrival."""


class Vcenter:
    """An administrator who is not the broker."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self.manager = content.authorizationManager

    def role(self) -> Any:
        return next(role for role in self.manager.roleList if role.name == ROLE)

    def update(self, *privileges: str, name: str = ROLE) -> None:
        self.manager.UpdateAuthorizationRole(self.role().roleId, name, list(privileges))

    def entity(self) -> Any:
        return self.content.searchIndex.FindByInventoryPath(SCOPE.removeprefix("/"))

    def permit(self, role_id: int) -> None:
        held = vim.AuthorizationManager.Permission(
            principal=ACCOUNT, group=False, roleId=role_id, propagate=True
        )
        self.manager.SetEntityPermissions(self.entity(), [held])


@pytest.fixture(scope="module")
def controlled(stack: Stack) -> Iterator[Stack]:
    """With a controller that would look again in an hour, and has looked once."""
    file = stack.site.controller_file
    document = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**document, "interval_s": 3600}))
    controller = stack.start("controller", "--config", str(file))
    until(lambda: bool(listening(stack)), "listening")
    yield stack
    assert end(controller, signal.SIGTERM) == 0


def listening(stack: Stack) -> int:
    """How many history collectors there are: the controller's is the only one."""
    return stack.lab.control.calls().get("CreateCollectorForEvents", 0)


@pytest.fixture
def vcenter(controlled: Stack) -> Iterator[Vcenter]:
    with logged_in(controlled.lab) as content:
        yield Vcenter(content)


def code(stack: Stack) -> str:
    """The code with which a ticket is refused; nothing where one is issued."""
    answer = stack.post(
        "/v1/tickets?dry_run=true",
        json={"host": "esx0001.lab.example"},
        headers={"Authorization": f"Bearer {stack.access_token()}"},
    )
    return "" if answer.ok else str(answer.json()["code"])


def stops(stack: Stack, reason: str) -> None:
    until(lambda: code(stack) == reason, reason, WITHIN_S)


def heals(stack: Stack) -> None:
    until(lambda: code(stack) == "", "a ticket")


def last_drift(stack: Stack) -> dict[str, Any]:
    record = [each for each in stack.records() if each["event"] == "grant_drifted"][-1]
    fields: dict[str, Any] = record["fields"]
    return fields


def widen(at: Vcenter) -> None:
    at.update(CIM, WIDER)


def narrow(at: Vcenter) -> None:
    at.update()


def rename(at: Vcenter) -> None:
    at.update(CIM, name="mine")


@pytest.mark.parametrize(
    ("change", "reason", "kinds"),
    [(widen, "drifted", ["widened"]), (narrow, "narrowed", ["narrowed"])],
)
def test_a_changed_role_stops_its_grants_within_five_seconds_and_says_who_did_it(
    controlled: Stack, vcenter: Vcenter, change: Callable[[Vcenter], None], reason: str, kinds: list[str]
) -> None:
    assert code(controlled) == ""
    change(vcenter)
    stops(controlled, reason)
    found = last_drift(controlled)
    assert (found["kinds"], found["changed_by"]) == (kinds, [ADMIN])
    vcenter.update(CIM)
    heals(controlled)


def test_a_permission_changed_stops_its_grant_within_five_seconds(
    controlled: Stack, vcenter: Vcenter
) -> None:
    wider = vcenter.manager.AddAuthorizationRole("storage", [CIM, WIDER])
    role_id = vcenter.role().roleId
    vcenter.permit(wider)
    stops(controlled, "drifted")
    assert (last_drift(controlled)["kinds"], last_drift(controlled)["changed_by"]) == (["widened"], [ADMIN])
    vcenter.permit(READ_ONLY)
    stops(controlled, "narrowed")
    vcenter.permit(role_id)
    heals(controlled)


def test_a_change_that_takes_effect_later_than_its_event_is_looked_at_again(
    controlled: Stack, vcenter: Vcenter
) -> None:
    controlled.lab.control.set_role_lag(1.0)
    widen(vcenter)
    controlled.lab.control.set_role_lag(0.0)
    stops(controlled, "drifted")
    vcenter.update(CIM)
    heals(controlled)


def test_a_scope_that_is_called_or_lies_elsewhere_stops_its_grant_within_five_seconds(
    controlled: Stack,
) -> None:
    control = controlled.lab.control
    control.rename(SCOPE, "another")
    stops(controlled, "drifted")
    assert last_drift(controlled)["kinds"] == ["moved"]
    control.rename("/DC1/host/another", SCOPE.rsplit("/", 1)[1])
    heals(controlled)
    control.move(SCOPE, "/DC1/host/Racks")
    stops(controlled, "drifted")
    control.move("/DC1/host/Racks/cluster-01", "/DC1/host")
    heals(controlled)


def test_what_happened_while_its_session_was_lost_is_made_good(controlled: Stack, vcenter: Vcenter) -> None:
    before = listening(controlled)
    controlled.lab.control.kill_sessions("VSPHERE.LOCAL\\broker-controller")
    widen(vcenter)
    until(lambda: code(controlled) == "drifted", "the drift")
    until(lambda: listening(controlled) > before, "listening")
    assert last_drift(controlled)["kinds"] == ["widened"]
    vcenter.update(CIM)
    heals(controlled)


def roles(stack: Stack, command: str, *more: str) -> Any:
    """One command of `broker roles` on the controller's machine: its exit code and what it printed."""
    file = str(stack.site.controller_file)
    done = stack.broker("roles", command, *more, "--config", file, "--format", "json", check=False)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_drift_is_looked_at_not_adopted_and_restored(controlled: Stack, vcenter: Vcenter) -> None:
    assert roles(controlled, "drift")[:2] == (
        0,
        {"drifted": [], "hold": [GRANT], "not_applied": [], "unasked": []},
    )
    widen(vcenter)
    code_, told, _ = roles(controlled, "drift")
    (found,) = told["drifted"][0]["findings"]
    assert (code_, found["kind"], found["changed_by"]) == (6, "widened", ADMIN)
    shown = controlled.broker("roles", "drift", "--config", str(controlled.site.controller_file), check=False)
    assert shown.returncode == 6
    assert all(word in shown.stdout for word in ("widened", ADMIN, WIDER, "0 hold, 1 drifted"))
    code_, told, _ = roles(controlled, "adopt")
    template = (ROOT / "roles/cim-ticket.yaml").read_text().splitlines()
    line = template.index("privileges:") + 1
    assert (code_, told[0]["adopted"]) == (6, False)
    assert f"cim-ticket.yaml:{line}: " in told[0]["unlike"][0]
    code_, told, _ = roles(controlled, "restore", GRANT)
    assert code_ == 6  # nobody may take out of a role what they do not hold
    assert f"the controller's account lacks {WIDER}" in told["problems"][0]["problem"]
    narrow(vcenter)
    assert roles(controlled, "drift")[1]["drifted"][0]["standing"] == "narrowed"
    assert roles(controlled, "restore", GRANT)[0] == 0
    assert roles(controlled, "drift")[0] == 0
    heals(controlled)


def test_a_role_that_is_called_otherwise_or_gone_stops_its_grants(
    controlled: Stack, vcenter: Vcenter
) -> None:
    role_id = vcenter.role().roleId
    rename(vcenter)
    stops(controlled, "drifted")
    assert last_drift(controlled)["kinds"] == ["replaced"]
    vcenter.manager.UpdateAuthorizationRole(role_id, ROLE, [CIM])
    heals(controlled)
    vcenter.manager.RemoveAuthorizationRole(role_id, False)  # noqa: FBT003 - though it is used
    until(lambda: "is gone" in last_drift(controlled)["finding"], "the finding", WITHIN_S)
    assert (last_drift(controlled)["standing"], last_drift(controlled)["changed_by"]) == ("narrowed", [ADMIN])
    assert code(controlled) != ""
