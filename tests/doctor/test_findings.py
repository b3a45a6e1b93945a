"""Each finding, made on the lab and found by an examination over its wire."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from broker.doctor.accounts import places_of
from broker.doctor.catalogue import CATALOGUE, Check, Severity
from broker.doctor.reach import reaches
from broker.doctor.visit import Wanted
from broker.errors import Reason, Refused
from broker.lab.authorization.permissions import Permission
from broker.lab.world.users import ADMINISTRATORS
from broker.model.inventory import HostFacts, HostRef
from broker.model.names import HostName
from broker.ports.inspection import Inspection
from tests.doctor.causes import (
    CAUSES,
    change_accounts_password,
    disconnect,
    fill_sessions,
    hold_on_root,
    stop_cim,
)
from tests.support.administration import CIM, grant
from tests.support.clinic import CLUSTER, HOST, PROD, READ_ONLY, READER, Clinic

ALONE = "/DC1/host/esx0009.lab.example"

WRITES = frozenset(
    {
        "AddAuthorizationRole",
        "UpdateAuthorizationRole",
        "RemoveAuthorizationRole",
        "SetEntityPermissions",
        "ResetEntityPermissions",
        "RemoveEntityPermission",
        "AcquireCimServicesTicket",
        "TerminateSession",
    }
)


@pytest.mark.parametrize("check", Check)
def test_a_finding_is_made_by_what_it_names(clinic: Clinic, check: Check) -> None:
    CAUSES[check](clinic)
    assert clinic.found(check)


def test_a_vcenter_that_is_well_has_nothing_but_notes(clinic: Clinic) -> None:
    report = clinic.examine()
    assert report.count(Severity.ERROR) == 0
    assert (report.unseen, report.hosts) == ((), 4)
    assert report.count(Severity.WARNING) == 0


def test_nothing_is_changed_no_ticket_taken_and_no_session_left(clinic: Clinic) -> None:
    before = {method: n for method, n in clinic.lab.knobs.calls().items() if method in WRITES}
    clinic.wanted = Wanted(log_in=True)
    clinic.examine()
    assert {m: n for m, n in clinic.lab.knobs.calls().items() if m in WRITES} == before
    assert [live.session.user for live in clinic.lab.sessions.all()] == ["VSPHERE.LOCAL\\administrator"]


def test_calls_do_not_grow_with_the_hosts(clinic: Clinic) -> None:
    def asked() -> int:
        before = sum(clinic.lab.knobs.calls().values())
        clinic.examine()
        return sum(clinic.lab.knobs.calls().values()) - before

    few = asked()
    clinic.grants = (grant("g1", "/DC1"),)
    clinic.empower()
    assert clinic.examine().hosts > 4
    assert asked() == few


def test_no_password_is_tried_unless_that_is_asked_for(clinic: Clinic) -> None:
    before = clinic.lab.knobs.calls()["Login"]
    clinic.examine()
    assert clinic.lab.knobs.calls()["Login"] == before + 1
    clinic.wanted = Wanted(log_in=True)
    clinic.examine()
    assert clinic.lab.knobs.calls()["Login"] == before + 3


def test_a_refused_password_is_tried_once_however_often_the_doctor_comes(clinic: Clinic) -> None:
    change_accounts_password(clinic)
    before = clinic.lab.knobs.calls()["Login"]
    for _ in range(3):
        assert "svc-cim-a" in clinic.one(Check.CANNOT_LOG_IN).text
    assert clinic.lab.knobs.calls()["Login"] == before + 3 + 1


def test_a_locked_account_shows_when_it_logs_in(clinic: Clinic) -> None:
    clinic.fail_logins(5)
    clinic.wanted = Wanted(log_in=True)
    texts = {finding.check: finding.text for finding in clinic.examine().findings}
    assert "InvalidLogin" in texts[Check.CANNOT_LOG_IN]
    assert "5 log-ins" in texts[Check.LOGINS_REFUSED]


def test_what_a_group_gives_is_found_though_nobody_tells_who_is_in_it(clinic: Clinic) -> None:
    group, administrator = ADMINISTRATORS, -1
    held = Permission(clinic.lab.moid("DC2"), group, group=True, role_id=administrator, propagate=True)
    clinic.lab.model.seed(held)
    assert clinic.found(Check.HELD_ELSEWHERE) == []
    clinic.account = replace(clinic.account, user="administrator@vsphere.local")
    found = clinic.found(Check.HELD_ELSEWHERE)
    assert [f.facts["path"] for f in found if "by a group" in f.text] == ["/DC2"]


def test_a_tolerated_privilege_on_the_root_folder_is_no_finding(clinic: Clinic) -> None:
    hold_on_root(clinic)
    assert clinic.one(Check.ROOT_HELD).facts["privileges"] == ["Global.Licenses"]
    clinic.account = replace(clinic.account, tolerated=frozenset({"Global.Licenses"}))
    assert clinic.found(Check.ROOT_HELD) == []


def test_hosts_with_the_same_lack_are_one_finding_that_names_them(clinic: Clinic) -> None:
    cluster = clinic.other.searchIndex.FindByInventoryPath(CLUSTER[1:])
    clinic.other.authorizationManager.RemoveEntityPermission(cluster, READER, False)  # noqa: FBT003
    finding = clinic.one(Check.ACCOUNT_LACKS)
    assert finding.facts["privileges"] == [CIM]
    assert finding.facts["hosts"] == [f"{CLUSTER}/esx000{n}.lab.example" for n in (1, 2, 3, 4)]
    assert finding.facts["grant"] == "g1"


def test_a_stand_alone_host_is_in_the_scope_that_names_it(clinic: Clinic) -> None:
    clinic.grants = (grant("g1", CLUSTER), grant("g2", ALONE))
    assert [f.facts["path"] for f in clinic.found(Check.SCOPE_UNRESOLVED)] == [ALONE]
    clinic.empower()
    assert clinic.one(Check.ACCOUNT_LACKS).facts["hosts"] == [f"{ALONE}/esx0009.lab.example"]
    clinic.apply()
    assert clinic.found(Check.ACCOUNT_LACKS) == []


def test_a_host_is_looked_at_by_any_of_its_names(clinic: Clinic) -> None:
    address = clinic.lab.world.host(HOST).address
    for name in (HOST, address):
        clinic.wanted = Wanted(hosts=(HostName(name),))
        report = clinic.examine()
        assert (report.hosts, {f.subject for f in report.findings if f.subject.startswith("host")}) == (
            1,
            {f"host {HOST}"},
        )


def test_a_host_that_is_gone_is_told_nothing_else_about(clinic: Clinic) -> None:
    disconnect(clinic)
    stop_cim(clinic)
    assert [f.check for f in clinic.examine().findings if f.subject == f"host {HOST}"] == [Check.DISCONNECTED]


@pytest.mark.parametrize("method", ["QueryEvents", "RetrieveUserGroups", "FetchUserPrivilegeOnEntities"])
def test_a_question_that_meets_a_fault_costs_what_hangs_on_it_alone(clinic: Clinic, method: str) -> None:
    clinic.lab.knobs.set_fault(method, "vmodl.fault.SystemError")
    report = clinic.examine()
    assert (report.unseen, report.hosts) == (("prod",), 4)
    assert {f.subject for f in report.findings if f.check is Check.CANNOT_LOOK} <= {
        "accounts",
        "account reader",
        "controller VSPHERE.LOCAL\\broker-controller",
    }


def test_a_vcenter_that_stops_answering_is_not_held_to_be_well(clinic: Clinic) -> None:
    clinic.lab.knobs.set_drop("QueryEvents", None)
    report = clinic.examine()
    assert report.unseen == ("prod",)
    assert report.findings[-1].check is Check.CANNOT_LOOK


class Blamed:
    """An inspection on which every reading with one host in it meets a fault."""

    def __init__(self, inner: Inspection, moid: str) -> None:
        self._inner = inner
        self._moid = moid

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def facts(self, hosts: Sequence[HostRef]) -> Mapping[HostRef, HostFacts]:
        if self._moid in {host.moid for host in hosts}:
            raise Refused(Reason.VCENTER_FAULT)
        return self._inner.facts(hosts)


def test_one_host_that_cannot_be_read_hides_no_other(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    inspection = clinic.inspection(clinic.entry)
    assert inspection is not None
    blamed = Blamed(inspection, clinic.lab.moid(f"{CLUSTER[1:]}/{HOST}"))
    monkeypatch.setattr(clinic, "inspection", lambda _: blamed)
    report = clinic.examine()
    assert (report.unseen, report.hosts) == ((), 4)
    assert [f.subject for f in report.findings if f.check is Check.UNREADABLE] == [f"host {HOST}"]
    assert len([f for f in report.findings if f.check is Check.ADDRESSES_ALL]) == 3


def test_sessions_are_asked_for_only_where_no_privilege_check_fails_by_it(clinic: Clinic) -> None:
    def reads() -> int:
        before = clinic.lab.knobs.calls()["RetrievePropertiesEx"]
        clinic.examine()
        return clinic.lab.knobs.calls()["RetrievePropertiesEx"] - before

    without = reads()
    fill_sessions(clinic)
    assert reads() == without + 1


def test_an_account_is_asked_about_only_where_a_permission_may_be_its_own(clinic: Clinic) -> None:
    for number in range(250):
        moid = clinic.lab.moid("DC2") if number % 2 else clinic.lab.moid("DC2/host/esx0010.lab.example")
        user = f"VSPHERE.LOCAL\\somebody-{number}"
        clinic.lab.model.seed(Permission(moid, user, group=False, role_id=READ_ONLY, propagate=True))
    inspection = clinic.inspection(clinic.entry)
    assert inspection is not None
    survey = inspection.survey()
    inspection.close()
    reached = reaches(clinic.policy, PROD, survey)
    asked = {survey.tree.path_of(entity.moid) for entity in places_of(clinic.account.user, reached, survey)}
    assert asked == {"/", CLUSTER, *(f"{CLUSTER}/esx000{n}.lab.example" for n in (1, 2, 3, 4))}


def test_every_id_is_of_the_catalogue_and_of_its_own(clinic: Clinic) -> None:
    assert set(CATALOGUE) == set(Check) == set(CAUSES)
    assert len({check.value for check in Check}) == len(Check)
