"""What the whole product writes into its log, held to the catalogue."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from broker.audit.custody.mark import mark_of
from broker.audit.keys import LogKeys
from broker.cli.exits import Exit
from broker.client.errors import ClientError
from broker.demo.files import APP, GRANT
from broker.model.record import Event
from broker.tlog.checkpoint import TreeHead
from tests.support.catalogue import misfits
from tests.support.lab import logged_in
from tests.support.stack import HOST, OUTSIDE, Stack, end, until

ACCOUNT = "svc-cim-a@vsphere.local"
CIM = "Host.Cim.CimInteraction"
MINT = "AcquireCimServicesTicket"
NOT_ON_THIS_TOUR = {
    Event.TICKET_LATE_RESULT,
    Event.REFUSALS_SUPPRESSED,
    Event.REFUSALS_AGGREGATED,
    Event.NOT_ATTEMPTED,
    Event.CLOCK_STEPPED,
}
"""They need a process that stands still, or a flood: the ledger's own tests produce them. Or a batch whose
caller goes away: test_batches.py holds its record to the catalogue. Or that somebody sets the clock:
tests/audit/test_log_keeping.py does so by hand."""


def test_every_record_of_a_run_has_the_fields_of_the_catalogue_and_no_others(fresh: Stack) -> None:
    controller_file = str(fresh.site.controller_file)
    fresh.edit("../controller/controller.yaml", lambda c: c.update(interval_s=1))
    fresh.edit("apps.yaml", lambda apps: apps["apps"][APP].update(scopes=["tickets", "audit.read"]))
    controller = fresh.start("controller", "--config", controller_file)
    serving = fresh.serve()
    fresh.ready()
    _ask(fresh)
    _operate(fresh)
    _audit(fresh)
    _change_vcenter(fresh)
    _resolve(fresh)
    _break_vcenter(fresh)
    _reload(fresh)
    assert (end(serving), end(controller)) == (0, 0)
    fresh.config("audit", "epoch", "open", "--reason", "the key may be in strange hands")
    _withdraw(fresh)
    records = fresh.records()
    assert misfits(records) == []
    assert {Event(record["code"]) for record in records} == set(Event) - NOT_ON_THIS_TOUR


def _ask(stack: Stack) -> None:
    with stack.client() as client:
        client.ticket(HOST, dry_run=True)
        client.ticket(HOST, idempotency_key="one-poll-of-a-host")
        client.ticket(HOST, idempotency_key="one-poll-of-a-host")
    stack.refusal(OUTSIDE)
    stack.post("/oauth2/token", data={"grant_type": "client_credentials"})
    stack.post("/v1/tickets", json={"host": HOST}, headers={"Authorization": "Bearer x"})


def _operate(stack: Stack) -> None:
    for command in ("disable", "enable"):
        stack.config("apps", command, APP)
        stack.config("grants", command, GRANT)
    secret = str(stack.site.root / "another.secret")
    stack.config("apps", "rotate", APP, "--secret-file", secret, "--overlap", "5")
    new_key = json.loads(stack.config("audit", "keys", "rotate", "--format", "json").stdout)["key"]
    stack.trust(new_key)
    stack.config("audit", "keys", "rotate", "--finish")
    mark_of(stack.store, None).path.unlink()
    until(lambda: "high_water_started" in stack.events(), "the mark")


def _audit(stack: Stack) -> None:
    """An auditor reads, takes a copy along, and holds the log against what never was its head."""
    bearer = {"Authorization": f"Bearer {stack.access_token('audit.read')}"}
    shown = stack.get("/v1/audit/reports/access?limit=1&host=" + HOST, bearer).json()
    assert [row["state"] for row in shown["items"]] == ["issued"]
    stack.config("audit", "list")
    before = stack.events().count("audit_queried")
    tail = stack.start("audit", "tail", "--follow", "--config", str(stack.site.config))
    until(partial(_more_than, stack, "audit_queried", before), "the beginning of the tail")
    assert end(tail) == 0
    stack.config("audit", "export", str(stack.site.root / "export"))
    stack.config("audit", "verify")
    keys = LogKeys(stack.site.log_keys)
    (key, *_) = keys.verifiers()
    kept = stack.site.root / "kept.checkpoints"
    kept.write_text(keys.sign(TreeHead(key.name, 1, bytes(32)), [key.id]), encoding="utf-8")
    stack.config("audit", "verify", "--against", str(kept), check=False)


def _change_vcenter(stack: Stack) -> None:
    """An administrator empties the role, fills it again, and leaves it empty to an apply."""
    for privileges, event in (([], "grant_drifted"), ([CIM], "grant_holds_again"), ([], "grant_drifted")):
        before = stack.events().count(event)
        with logged_in(stack.lab) as content:
            manager = content.authorizationManager
            role = our_role(manager)
            manager.UpdateAuthorizationRole(role.roleId, role.name, privileges)
        until(partial(_more_than, stack, event, before), event)
    stack.apply()


def _resolve(stack: Stack) -> None:
    """An administrator renames the role, which is put back, and makes all anew, which is adopted."""
    with drifting(stack) as manager:
        role = our_role(manager)
        manager.UpdateAuthorizationRole(role.roleId, "mine now", [CIM])
    stack.broker("roles", "restore", "--config", str(stack.site.controller_file))
    with drifting(stack) as manager:
        role = our_role(manager)
        held = [each for each in manager.RetrieveAllPermissions() if each.roleId == role.roleId]
        manager.RemoveAuthorizationRole(role.roleId, failIfUsed=False)
        new_id = manager.AddAuthorizationRole(role.name, [CIM])
        for permission in held:
            permission.roleId = new_id
            manager.SetEntityPermissions(permission.entity, [permission])
    stack.broker("roles", "adopt", "--config", str(stack.site.controller_file))


@contextmanager
def drifting(stack: Stack) -> Iterator[Any]:
    """Change what a grant stands on, and wait until the controller has seen it."""
    before = stack.events().count("grant_drifted")
    with logged_in(stack.lab) as content:
        yield content.authorizationManager
    until(partial(_more_than, stack, "grant_drifted", before), "grant_drifted")


def our_role(manager: Any) -> Any:
    return next(role for role in manager.roleList if role.name == "cim-broker-cim-ticket")


def _more_than(stack: Stack, event: str, before: int) -> bool:
    return stack.events().count(event) > before


def _break_vcenter(stack: Stack) -> None:
    control = stack.lab.control
    until(lambda: _issues(stack), "a ticket after the apply")
    for fault in ("NoPermission", "HostCommunication"):
        control.set_fault(MINT, fault, 1)
        assert not _issues(stack)
    control.set_drop(MINT, 1)
    assert not _issues(stack)
    control.change_password(ACCOUNT, "another-password-1")
    control.kill_sessions(ACCOUNT)
    assert not _issues(stack)
    until(lambda: "login_latched" in stack.events(), "the latch")
    stack.config("accounts", "retry", "lab", ACCOUNT)


def _issues(stack: Stack) -> bool:
    with stack.client() as client, suppress(ClientError):
        client.ticket(HOST)
        return True
    return False


def _reload(stack: Stack) -> None:
    stack.edit("grants.yaml", lambda grants: grants["grants"][GRANT].update(owner="somebody else"))
    stack.config("reload")
    stack.edit("grants.yaml", lambda grants: grants.update(surplus=1))
    assert stack.config("reload", check=False).returncode == 3


def _withdraw(stack: Stack) -> None:
    stack.edit("grants.yaml", lambda grants: grants.pop("surplus"))
    with_logins = stack.site.controller_file.read_text()
    stack.edit("../controller/controller.yaml", lambda c: c.update(logins={}))
    failed = stack.broker("roles", "apply", "--config", str(stack.site.controller_file), check=False)
    assert failed.returncode == Exit.CONFLICT
    stack.site.controller_file.write_text(with_logins)
    (stack.site.config / "grants.yaml").write_text("grants: {}\n")
    stack.broker("roles", "apply", "--prune", "--config", str(stack.site.controller_file))
