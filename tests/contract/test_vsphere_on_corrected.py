"""The broker's rooms where privileges are real: applied, proved, and a ticket taken."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyVmomi import vim

from broker.controller.planning.plan import Asked
from broker.errors import Reason, Refused
from tests.contract.conftest import Remote
from tests.contract.site import Site, broker_on, eventually
from tests.support.issuing import REQUEST
from tests.support.vcsim import MONITOR, Simulator

CANONICAL_MONITOR = r"VSPHERE.LOCAL\cim-monitor"
MONITORS = r"VSPHERE.LOCAL\monitors"
CIM = "Host.Cim.CimInteraction"


@pytest.fixture
def site(corrected: Simulator, tmp_path: Path) -> Iterator[Site]:
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        report = site.apply()
        assert report.problems == ()
        site.vsphere.start()
        yield site.synced()


def reason_of(site: Site, host: str) -> Reason:
    with pytest.raises(Refused) as refused:
        site.issue(host)
    return refused.value.reason


def cluster_of(admin: Remote) -> Remote:
    found = admin.content.searchIndex.FindByInventoryPath("DC0/host/DC0_C0")
    assert isinstance(found, vim.ClusterComputeResource)
    return found


def grant(admin: Remote, entity: Remote, role: int, principal: str = MONITOR.name) -> None:
    permission: Remote = vim.AuthorizationManager.Permission
    group = principal == MONITORS
    admin.content.authorizationManager.SetEntityPermissions(
        entity, [permission(principal=principal, group=group, roleId=role, propagate=True)]
    )


def test_a_ticket_is_taken_as_the_low_privilege_account(site: Site, corrected: Simulator) -> None:
    ticket = site.issue("DC0_C0_H0")
    assert len(ticket.session_id.reveal()) == 26
    assert (ticket.endpoint.address, ticket.endpoint.port) == ("dc0_c0_h0", 5989)
    assert ssl.PEM_cert_to_DER_cert(ticket.endpoint.certificate_pem)
    (noted,) = corrected.tell("tickets")
    assert (noted["user"], noted["host"]) == (CANONICAL_MONITOR, "DC0_C0_H0")


def test_the_issuance_id_goes_along_as_the_operation(site: Site, corrected: Simulator) -> None:
    site.issue("DC0_C0_H0")
    assert corrected.tell("tickets")[0]["operation"] == REQUEST.issuance


def test_many_tickets_need_one_login(site: Site, corrected: Simulator) -> None:
    for host in ("dc0_c0_h0", "dc0_c0_h1", "dc0_c0_h2") * 3:
        site.issue(host)
    assert len(corrected.tell("tickets")) == 9
    assert corrected.tell("calls")[f"{CANONICAL_MONITOR} Login"] == 1


def test_a_host_outside_the_scope_gives_none(site: Site, corrected: Simulator) -> None:
    assert reason_of(site, "dc0_h0") is Reason.OUT_OF_SCOPE
    assert corrected.tell("tickets") == []


def test_a_removed_permission_shows_in_the_proof(site: Site, corrected: Simulator, admin: Remote) -> None:
    grant(admin, cluster_of(admin), -2)
    assert reason_of(site, "dc0_c0_h0") is Reason.NOT_APPLIED
    assert corrected.tell("tickets") == []


def test_a_privilege_too_many_on_the_host_shows_in_the_proof(
    site: Site, corrected: Simulator, admin: Remote
) -> None:
    role = admin.content.authorizationManager.AddAuthorizationRole("more", [CIM, "Host.Config.Settings"])
    grant(admin, cluster_of(admin), role)
    assert reason_of(site, "dc0_c0_h0") is Reason.OVER_PRIVILEGED
    assert corrected.tell("tickets") == []


def test_a_privilege_on_the_root_folder_shows_in_the_proof(
    site: Site, corrected: Simulator, admin: Remote
) -> None:
    role = admin.content.authorizationManager.AddAuthorizationRole("health", ["Global.Health"])
    grant(admin, admin.content.rootFolder, role)
    assert reason_of(site, "dc0_c0_h0") is Reason.OVER_PRIVILEGED
    assert corrected.tell("tickets") == []


def test_a_host_that_vcenter_lost_is_refused_once_it_is_told(site: Site, corrected: Simulator) -> None:
    corrected.tell("connection", host="DC0_C0_H1", state="notResponding")
    eventually(lambda: _refused_for(site, "dc0_c0_h1", Reason.HOST_DISCONNECTED))
    assert all(noted["host"] != "DC0_C0_H2" for noted in corrected.tell("tickets"))


def test_a_host_of_release_nine_is_refused(corrected: Simulator, tmp_path: Path) -> None:
    corrected.tell("version", host="DC0_C0_H2", version="9.0.0")
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        assert site.apply().problems == ()
        site.vsphere.start()
        assert reason_of(site.synced(), "dc0_c0_h2") is Reason.HOST_VERSION_UNSUPPORTED


def test_a_stand_alone_host_is_granted_through_its_compute_resource(
    corrected: Simulator, tmp_path: Path
) -> None:
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_H0/DC0_H0"]) as site:
        assert site.apply().problems == ()
        site.vsphere.start()
        site.synced().issue("dc0_h0")
        assert [noted["host"] for noted in corrected.tell("tickets")] == ["DC0_H0"]


def test_permissions_of_others_survive_an_apply(corrected: Simulator, tmp_path: Path, admin: Remote) -> None:
    cluster, manager = cluster_of(admin), admin.content.authorizationManager
    grant(admin, cluster, -2, MONITORS)
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        assert site.apply().problems == ()
    held = {(p.principal, p.roleId) for p in manager.RetrieveEntityPermissions(cluster, inherited=False)}
    roles = {role.name: role.roleId for role in manager.roleList}
    assert held == {
        (MONITORS, -2),
        (CANONICAL_MONITOR, roles["cim-broker-cim-ticket"]),
    }


def test_a_plan_says_what_an_apply_does_and_is_empty_afterwards(corrected: Simulator, tmp_path: Path) -> None:
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0", "/DC0/host/DC0_H0/DC0_H0"]) as site:
        (before,) = site.plan().vcenters
        report, after = site.apply(), site.plan()
    assert [type(step).__name__ for step in before.steps] == [
        "RoleStep",
        "PermissionStep",
        "PermissionStep",
        "GrantStep",
    ]
    assert (len(report.changes), report.problems) == (4, ())
    assert (after.empty, after.problems) == (True, ())


def test_what_is_no_longer_wanted_is_pruned(corrected: Simulator, tmp_path: Path, admin: Remote) -> None:
    cluster, manager = cluster_of(admin), admin.content.authorizationManager
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        site.apply()
        site.policy = replace(site.policy, grants={})
        assert site.apply(Asked(prune=True)).problems == ()
    assert not manager.RetrieveEntityPermissions(cluster, inherited=False)
    assert "cim-broker-cim-ticket" not in {role.name for role in manager.roleList}


def test_a_permission_that_somebody_else_gave_the_account_is_not_overwritten(
    corrected: Simulator, tmp_path: Path, admin: Remote
) -> None:
    cluster, manager = cluster_of(admin), admin.content.authorizationManager
    grant(admin, cluster, -2)
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        problems = site.apply().problems
    assert [problem.kind for problem in problems] == ["conflict"]
    assert [p.roleId for p in manager.RetrieveEntityPermissions(cluster, inherited=False)] == [-2]


def test_an_account_without_any_permission_is_told_from_one_with_a_wrong_password(
    corrected: Simulator, tmp_path: Path
) -> None:
    with broker_on(corrected, tmp_path, ["/DC0/host/DC0_C0"]) as site:
        site.vsphere.start()
        eventually(lambda: any(state.trouble for state in site.vsphere.states().values()))
        assert [state.trouble for state in site.vsphere.states().values()] == [Reason.NOT_APPLIED]


def test_a_changed_password_is_found_without_a_restart(
    site: Site, corrected: Simulator, admin: Remote
) -> None:
    corrected.tell("password", user=MONITOR.name, password="another")
    site.passwords["MONITOR"] = "another"
    manager = admin.content.sessionManager
    manager.TerminateSession([s.key for s in manager.sessionList if s.userName == CANONICAL_MONITOR])
    site.issue("dc0_c0_h0")
    assert len(corrected.tell("tickets")) == 1


def _refused_for(site: Site, host: str, reason: Reason) -> bool:
    try:
        site.issue(host)
    except Refused as refused:
        return refused.reason is reason
    return False
