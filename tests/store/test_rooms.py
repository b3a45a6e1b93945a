"""Credentials, switches, latches, applied grants, processes: state beside the log, with its records."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.errors import LogUnavailable, Reason, Refused
from broker.model.names import AppId, GrantId, Moid, TemplateId, VcenterId
from broker.model.record import Event, Record
from broker.model.stores import StoreLocation
from broker.ports.access import AppCredential
from broker.ports.administration import Mark, OwnPermission, OwnRole
from broker.ports.operation import Acknowledgement, Unanswered
from broker.store.applied import StoredGrants
from broker.store.credentials import StoredCredentials
from broker.store.database import Database
from broker.store.latches import StoredLatches
from broker.store.log import StoredLog
from broker.store.processes import StoredProcesses
from broker.store.pruning import prune
from broker.store.replay import StoredReplayGuard
from broker.store.switches import GrantSwitches
from tests.support.clock import HandClock
from tests.support.commit_faults import NOT_PERSISTED, failing
from tests.support.issuing import APPLIED, drift
from tests.support.log_keys import LOG_KEYS

APP = AppId("nagios")
OLD, NEW, NEWER = b"o" * 32, b"n" * 32, b"r" * 32
PROD = VcenterId("prod")


def records(database: Database) -> list[tuple[str, dict[str, Any]]]:
    read = [json.loads(leaf.content) for leaf in StoredLog(database).leaves(0, 1000)]
    return [(record["event"], record["fields"]) for record in read]


def unanswered(clock: HandClock) -> Unanswered:
    return Unanswered(1, clock.now(), timedelta(minutes=1), Reason.VCENTER_TIMEOUT)


def test_an_app_that_was_never_added_has_no_credential(database: Database) -> None:
    assert StoredCredentials(database).credential(APP) is None


def test_an_added_app_begins_with_generation_1(database: Database) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    assert credentials.credential(APP) == AppCredential(APP, False, 1, (OLD,))  # noqa: FBT003
    assert records(database) == [("app_added", {"app": "nagios", "by": "alice", "generation": 1})]


def test_an_app_with_keys_only_has_no_hash(database: Database) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, None, "alice")
    assert credentials.credential(APP) == AppCredential(APP, False, 1, ())  # noqa: FBT003


def test_an_app_is_added_once(database: Database) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    with pytest.raises(Refused) as refused:
        credentials.add(APP, NEW, "bob")
    assert refused.value.reason is Reason.INVALID_REQUEST
    assert len(records(database)) == 1


def test_rotating_cuts_the_old_secret_and_every_token(database: Database) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    assert credentials.rotate(APP, NEW, "alice") == 2
    assert credentials.credential(APP) == AppCredential(APP, False, 2, (NEW,))  # noqa: FBT003


def test_without_a_new_secret_tokens_are_revoked_and_every_secret_stays(
    database: Database, clock: HandClock
) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    credentials.rotate(APP, NEW, "alice", clock.now() + timedelta(hours=1))
    assert credentials.rotate(APP, None, "alice") == 3
    assert credentials.credential(APP) == AppCredential(APP, False, 3, (NEW, OLD))  # noqa: FBT003
    assert [fields.get("new_secret") for _, fields in records(database)] == [None, True, False]
    clock.advance(3600)
    assert credentials.credential(APP) == AppCredential(APP, False, 3, (NEW,))  # noqa: FBT003


def test_an_old_secret_may_overlap_until_its_end(database: Database, clock: HandClock) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    credentials.rotate(APP, NEW, "alice", clock.now() + timedelta(hours=1))
    credential = credentials.credential(APP)
    assert credential is not None
    assert credential.secret_hashes == (NEW, OLD)
    assert records(database)[-1][1]["old_secret_until"] == "2026-11-23T13:00:00.000Z"
    clock.advance(3600)
    credential = credentials.credential(APP)
    assert credential is not None
    assert credential.secret_hashes == (NEW,)


def test_a_second_rotation_ends_the_first_overlap(database: Database, clock: HandClock) -> None:
    credentials, end = StoredCredentials(database), clock.now() + timedelta(hours=1)
    credentials.add(APP, OLD, "alice")
    credentials.rotate(APP, NEW, "alice", end)
    credentials.rotate(APP, NEWER, "alice", end)
    credential = credentials.credential(APP)
    assert credential is not None
    assert credential.secret_hashes == (NEWER, NEW)


def test_a_disabled_app_is_cut_and_its_tokens_stay_revoked_when_it_returns(database: Database) -> None:
    credentials = StoredCredentials(database)
    credentials.add(APP, OLD, "alice")
    credentials.disable(APP, "bob")
    cut = credentials.credential(APP)
    assert cut == AppCredential(APP, True, 2, (OLD,))  # noqa: FBT003
    credentials.enable(APP, "bob")
    back = credentials.credential(APP)
    assert back is not None
    assert (back.disabled, back.generation) == (False, 3)
    assert [event for event, _ in records(database)] == ["app_added", "app_disabled", "app_enabled"]


def test_what_was_never_added_cannot_be_changed(database: Database) -> None:
    credentials = StoredCredentials(database)
    for change in (
        lambda: credentials.rotate(APP, NEW, "alice"),
        lambda: credentials.disable(APP, "alice"),
        lambda: credentials.enable(APP, "alice"),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.reason is Reason.NOT_FOUND
    assert records(database) == []


def test_all_credentials_are_listed_in_order(database: Database) -> None:
    credentials = StoredCredentials(database)
    for app in ("zabbix", "icinga", "nagios"):
        credentials.add(AppId(app), OLD, "alice")
    credentials.rotate(APP, None, "alice")
    assert [(c.app, c.secret_hashes) for c in credentials.all()] == [
        ("icinga", (OLD,)),
        ("nagios", (OLD,)),
        ("zabbix", (OLD,)),
    ]


def test_a_change_that_is_not_on_record_did_not_happen(database: Database) -> None:
    credentials = StoredCredentials(database)
    with failing(database, "INSERT INTO record", NOT_PERSISTED), pytest.raises(LogUnavailable):
        credentials.add(APP, OLD, "alice")
    assert credentials.credential(APP) is None


def test_a_grant_that_was_cut_stays_cut_until_it_is_enabled(database: Database) -> None:
    switches = GrantSwitches(database)
    assert not switches.grant_disabled(GrantId("a"))
    switches.disable(GrantId("a"), "alice")
    switches.disable(GrantId("a"), "alice")
    assert switches.disabled() == ("a",)
    switches.enable(GrantId("a"), "bob")
    assert switches.disabled() == ()
    assert records(database)[-1] == ("grant_enabled", {"grant": "a", "by": "bob"})


def test_a_latch_stops_this_secret_only_and_goes_on_record_once(database: Database) -> None:
    latches = StoredLatches(database)
    latches.close(PROD, "svc@vsphere.local", "digest-1")
    latches.close(PROD, "svc@vsphere.local", "digest-1")
    assert latches.closed(PROD, "svc@vsphere.local", "digest-1")
    assert not latches.closed(PROD, "svc@vsphere.local", "digest-2")
    assert not latches.closed(VcenterId("lab"), "svc@vsphere.local", "digest-1")
    assert records(database) == [("login_latched", {"vcenter": "prod", "user": "svc@vsphere.local"})]


def test_an_operator_opens_every_latch_of_a_user(database: Database, clock: HandClock) -> None:
    latches = StoredLatches(database)
    latches.close(PROD, "svc", "digest-1")
    latches.close(PROD, "svc", "digest-2")
    latches.close(PROD, "other", "digest-3")
    assert next((la.user, la.at) for la in latches.latched()) == ("other", clock.now())
    assert latches.retry(PROD, "svc", "alice") == 2
    assert not latches.closed(PROD, "svc", "digest-1")
    assert latches.closed(PROD, "other", "digest-3")
    assert records(database)[-1][1] == {"vcenter": "prod", "user": "svc", "by": "alice", "opened": 2}


def test_a_user_who_logged_in_is_latched_no_more(database: Database) -> None:
    latches = StoredLatches(database)
    latches.close(PROD, "svc", "digest-1")
    latches.close(PROD, "other", "digest-2")
    latches.clear(PROD, "svc")
    assert [latch.user for latch in latches.latched()] == ["other"]
    latches.clear(PROD, "svc")


def test_unanswered_log_ins_come_back_as_they_were_put(database: Database, clock: HandClock) -> None:
    latches, lost = StoredLatches(database), unanswered(clock)
    assert latches.unanswered(PROD, "svc", "digest-1") is None
    latches.put_unanswered(PROD, "svc", "digest-1", lost)
    latches.put_unanswered(PROD, "svc", "digest-1", replace(lost, tries=2))
    assert latches.unanswered(PROD, "svc", "digest-1") == replace(lost, tries=2)
    assert latches.unanswered(PROD, "svc", "digest-2") is None
    latches.put_unanswered(PROD, "svc", "digest-1", None)
    assert latches.unanswered(PROD, "svc", "digest-1") is None


def test_a_log_in_that_was_refused_or_taken_is_unanswered_no_more(
    database: Database, clock: HandClock
) -> None:
    latches = StoredLatches(database)
    for user in ("refused", "taken", "other"):
        latches.put_unanswered(PROD, user, "digest", unanswered(clock))
    latches.close(PROD, "refused", "digest")
    latches.clear(PROD, "taken")
    left = [latches.unanswered(PROD, user, "digest") for user in ("refused", "taken", "other")]
    assert left == [None, None, unanswered(clock)]


def test_an_operator_ends_every_wait_of_a_user(database: Database, clock: HandClock) -> None:
    latches = StoredLatches(database)
    for user in ("svc", "other"):
        latches.put_unanswered(PROD, user, "digest", unanswered(clock))
    assert latches.retry(PROD, "svc", "alice") == 1
    assert latches.unanswered(PROD, "svc", "digest") is None
    assert latches.unanswered(PROD, "other", "digest") is not None
    assert records(database)[-1][1] == {"vcenter": "prod", "user": "svc", "by": "alice", "opened": 1}


def test_one_at_a_time_has_the_turn_of_an_account(
    database: Database, place: StoreLocation, clock: HandClock
) -> None:
    other = Database.open(place, clock, LOG_KEYS)
    here, there = StoredLatches(database), StoredLatches(other)
    with here.turn(PROD, "svc", 0):
        with there.turn(PROD, "other", 0), there.turn(VcenterId("lab"), "svc", 0):
            pass
        with pytest.raises(Refused) as refused, there.turn(PROD, "svc", 0.05):
            pass
    assert refused.value.reason is Reason.VCENTER_BUSY
    with there.turn(PROD, "svc", 0):
        pass
    other.close()


def test_the_lock_of_a_turn_has_the_rights_of_the_store(database: Database, path: Path) -> None:
    path.chmod(0o660)
    with StoredLatches(database).turn(PROD, "svc", 0):
        (lock,) = path.parent.glob("store.db.login-*.lock")
    assert stat.S_IMODE(lock.stat().st_mode) == 0o660


def test_an_assertion_that_was_used_stays_used_after_a_restart(
    place: StoreLocation, clock: HandClock
) -> None:
    until = clock.now() + timedelta(minutes=5)
    database = Database.open(place, clock, LOG_KEYS)
    assert StoredReplayGuard(database).first_use(APP, "jti", until)
    database.close()
    again = Database.open(place, clock, LOG_KEYS)
    assert not StoredReplayGuard(again).first_use(APP, "jti", until)
    assert StoredReplayGuard(again).first_use(AppId("other"), "jti", until)
    again.close()


def test_a_hostile_jti_is_no_trouble(database: Database, clock: HandClock) -> None:
    guard, until = StoredReplayGuard(database), clock.now() + timedelta(minutes=5)
    for jti in ("x" * 1_000_000, "\ud800", "\x00'; --", ""):
        assert guard.first_use(APP, jti, until)
        assert not guard.first_use(APP, jti, until)


def test_an_applied_grant_comes_back_as_it_was_put(database: Database) -> None:
    grants = StoredGrants(database)
    assert grants.applied(APPLIED.grant) is None
    grants.put(APPLIED)
    assert grants.applied(APPLIED.grant) == APPLIED
    changed = replace(APPLIED, scope=APPLIED.scope * 2, role_id=7)
    grants.put(changed)
    assert grants.all() == (changed,)


def test_a_finding_is_marked_and_taken_back(database: Database) -> None:
    grants = StoredGrants(database)
    grants.put(APPLIED)
    drifts, holds = Record(Event.GRANT_DRIFTED, {}), Record(Event.GRANT_HOLDS_AGAIN, {})
    found = drift(changed_by="VSPHERE.LOCAL\\bob")
    assert grants.mark([drifted := Mark(APPLIED, found, drifts)]) == (drifted,)
    assert grants.applied(APPLIED.grant) == replace(APPLIED, drift=found)
    assert grants.mark([Mark(APPLIED, None, holds)])
    assert grants.applied(APPLIED.grant) == APPLIED
    absent = replace(APPLIED, grant=GrantId("absent"))
    assert not grants.mark([Mark(absent, found, drifts)])
    assert grants.applied(absent.grant) is None
    grants.remove(APPLIED.grant, Record(Event.GRANT_WITHDRAWN, {}))
    assert grants.all() == ()
    said = [event for event, _ in records(database)]
    assert said == ["grant_drifted", "grant_holds_again", "grant_withdrawn"]


@pytest.mark.parametrize(
    "newer", [{"applied_at": APPLIED.applied_at + timedelta(milliseconds=1)}, {"digest": "another"}]
)
def test_what_was_applied_anew_is_not_marked_for_what_was_there_before(
    database: Database, newer: dict[str, Any]
) -> None:
    grants = StoredGrants(database)
    grants.put(replace(APPLIED, **newer))
    assert not grants.mark([Mark(APPLIED, drift(), Record(Event.GRANT_DRIFTED, {}))])
    assert grants.all() == (replace(APPLIED, **newer),)
    assert records(database) == []


def test_roles_and_permissions_that_are_ours_are_remembered(database: Database) -> None:
    grants = StoredGrants(database)
    claim = OwnRole(
        "uuid-1", "cim-broker-cim", TemplateId("cim"), None, frozenset({"Host.Cim.CimInteraction"})
    )
    grants.own_role(claim)
    assert grants.own_roles("uuid-1") == (claim,)
    grants.own_role(replace(claim, role_id=-5))
    assert grants.own_roles("uuid-1") == (replace(claim, role_id=-5),)
    assert grants.own_roles("uuid-2") == ()
    permission = OwnPermission("uuid-1", Moid("domain-c7"), "VSPHERE.LOCAL\\svc", -5)
    grants.own_permission(permission)
    grants.own_permission(replace(permission, role_id=-6))
    assert grants.own_permissions("uuid-1") == (replace(permission, role_id=-6),)
    assert grants.own_permissions("uuid-2") == ()


def test_a_reload_waits_for_every_live_process(database: Database) -> None:
    processes = StoredProcesses(database)
    for boot in ("a", "b"):
        processes.acknowledge(Acknowledgement(boot, "serve", 0, "old", ""))
    generation = processes.ask_reload()
    assert processes.generation() == generation
    assert processes.answers(generation) == ((), 2)
    processes.acknowledge(Acknowledgement("a", "serve", generation, "new", ""))
    processes.acknowledge(Acknowledgement("b", "serve", generation, "old", "apps.yaml:3: wrong"))
    answers, missing = processes.answers(generation)
    assert missing == 0
    assert [(a.boot, a.revision, a.error) for a in answers] == [
        ("a", "new", ""),
        ("b", "old", "apps.yaml:3: wrong"),
    ]


def test_a_dead_process_holds_up_no_reload(database: Database, clock: HandClock) -> None:
    processes = StoredProcesses(database)
    for boot in ("dead", "left", "live"):
        processes.acknowledge(Acknowledgement(boot, "serve", 0, "old", ""))
    processes.leave("left")
    clock.advance(16)
    processes.acknowledge(Acknowledgement("live", "serve", 0, "old", ""))
    generation = processes.ask_reload()
    assert generation == 1
    assert processes.answers(generation) == ((), 1)


def test_a_process_that_starts_after_the_call_has_read_the_new_policy(database: Database) -> None:
    processes = StoredProcesses(database)
    generation = processes.ask_reload()
    processes.acknowledge(Acknowledgement("a", "serve", generation, "new", ""))
    answers, missing = processes.answers(generation)
    assert missing == 0
    assert answers[0].revision == "new"


def test_what_is_over_is_pruned_with_a_margin_and_records_are_not(
    database: Database, clock: HandClock
) -> None:
    guard, processes, latches = (
        StoredReplayGuard(database),
        StoredProcesses(database),
        StoredLatches(database),
    )
    guard.first_use(APP, "jti", clock.now() + timedelta(minutes=5))
    processes.acknowledge(Acknowledgement("dead", "serve", 0, "old", ""))
    GrantSwitches(database).disable(GrantId("g"), "alice")
    latches.put_unanswered(PROD, "svc", "digest", unanswered(clock))
    clock.advance(3600)
    assert prune(database) == 0
    clock.advance(1)
    assert prune(database) == 1
    clock.advance(300)
    assert prune(database) == 1
    clock.advance(24 * 3600)
    assert prune(database) == 1
    assert len(records(database)) == 1
