"""A process whose store takes nothing: `python -m tests.support.full_disk_child no_room|read_only STORE`.

For each write of the broker it takes the room, or the right to write, away, tries to write twice,
gives it back, recovers without a restart, and tries again. Prints one JSON object: what each door
said at each of the three times, and how many records were made without and with.

No room is the kernel's own limit (RLIMIT_FSIZE), which holds root as well. Read-only is the file's
mode: the store looks at it before each write, as it looks at the mount's, and so holds root to it;
the kernel would not, nor does it let a mount go read-only under a file that is open for writing.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from broker.audit.ledger import AuditLedger
from broker.audit.refusals import RefusalBudget
from broker.audit.sources import of_app
from broker.audit.system import AuditSystemLog
from broker.clock import SystemClock
from broker.errors import Limited, LogUnavailable, Reason, Refused
from broker.model.applied import AppliedGrant, Drift
from broker.model.issuance import DryRun
from broker.model.names import AppId, GrantId, Moid, TemplateId, VcenterId
from broker.model.policy import Rate
from broker.model.record import Event, Record
from broker.ports.administration import Mark, OwnPermission, OwnRole
from broker.ports.operation import Acknowledgement
from broker.store.applied import StoredGrants
from broker.store.credentials import StoredCredentials
from broker.store.heard import StoredHeard
from broker.store.latches import StoredLatches
from broker.store.processes import StoredProcesses
from broker.store.replay import StoredReplayGuard
from broker.store.switches import GrantSwitches
from tests.support.issuing import APPLIED, CALLER, GRANT, HOST, PROOF
from tests.support.records import Book, intent_of, issued, open_book

Door = Callable[[], object]
PROD, SVC = VcenterId("prod"), "svc@vsphere.local"


def _request_doors(book: Book) -> dict[str, Door]:
    origin, refusal = CALLER.origin, Refused(Reason.DRIFTED)
    dry_run = DryRun(book.request().issuance, HOST, GRANT.id, GRANT.template, "t-1", GRANT.account)
    return {
        "intent": book.begin,
        "outcome": _concluding(book),
        "late result": _concluding_late(book),
        "orphan": _left_behind(book),
        "refusal": lambda: book.ledger.refuse(book.request(), CALLER, refusal, "r"),
        "dry run": lambda: book.ledger.rehearse(dry_run, CALLER, PROOF, "r"),
        "token": lambda: book.access.token_issued(CALLER.app, "m", [], origin),
        "refused token": lambda: book.access.token_refused(None, "invalid_client", origin),
        "refused access": lambda: book.access.access_refused(None, Reason.UNAUTHENTICATED, "/", origin),
        "opening of a window": _flooding(book),
        "sum of a window": _summing(book),
    }


def _concluding(book: Book) -> Door:
    attempt, intent = book.begin()
    return lambda: book.ledger.conclude(attempt, intent, issued(book.clock))


def _concluding_late(book: Book) -> Door:
    attempt, intent = book.begin()
    book.ledger.conclude(attempt, intent, issued(book.clock))
    return lambda: book.ledger.conclude(attempt, intent, issued(book.clock))


def _left_behind(book: Book) -> Door:
    request = book.request()
    AuditLedger(book.database, book.refusals, lambda: -3600.0).intend(intent_of(request), request)
    return book.orphans.run


def _flooding(book: Book) -> Door:
    budget = RefusalBudget(book.database, Rate(1, 3600))
    budget.charge(of_app(CALLER.app), "drifted")
    return lambda: budget.charge(of_app(CALLER.app), "drifted")


def _summing(book: Book) -> Door:
    budget = RefusalBudget(book.database, Rate(1, 3600))
    for _ in range(2):
        try:
            budget.charge(of_app(CALLER.app), "drifted")
        except Limited:
            return budget.close
    raise AssertionError("the budget was not spent")


def _operator_doors(book: Book) -> dict[str, Door]:
    database, icinga, known = book.database, AppId("icinga"), GrantId("known")
    credentials, switches, latches = (
        StoredCredentials(database),
        GrantSwitches(database),
        StoredLatches(database),
    )
    credentials.add(icinga, b"h" * 32, "alice")
    switches.disable(known, "alice")
    latches.close(PROD, SVC, "digest")
    return {
        "apps add": lambda: credentials.add(AppId("nagios"), b"h" * 32, "alice"),
        "apps rotate": lambda: credentials.rotate(icinga, b"i" * 32, "alice"),
        "apps disable": lambda: credentials.disable(icinga, "alice"),
        "apps enable": lambda: credentials.enable(icinga, "alice"),
        "grants disable": lambda: switches.disable(GrantId("g"), "alice"),
        "grants enable": lambda: switches.enable(known, "alice"),
        "latch": lambda: latches.close(PROD, "another@vsphere.local", "digest"),
        "accounts retry": lambda: latches.retry(PROD, SVC, "alice"),
    }


def _process_doors(book: Book) -> dict[str, Door]:
    database = book.database
    grants, processes = StoredGrants(database), StoredProcesses(database)
    marked, removed = (_applied(name) for name in ("marked", "removed"))
    for applied in (marked, removed):
        grants.put(applied)
    drift = Record(Event.GRANT_DRIFTED, {})
    role = OwnRole("uuid", "cim-broker-cim", TemplateId("cim"), None, frozenset())
    return {
        "assertion": lambda: StoredReplayGuard(database).first_use(AppId("a"), "jti", book.clock.now()),
        "system": lambda: AuditSystemLog(database).append([Record(Event.PROCESS_STARTED, {})]),
        "applied put": lambda: grants.put(_applied("put")),
        "applied mark": lambda: grants.mark([Mark(marked, Drift((), book.clock.now()), drift)]),
        "applied remove": lambda: grants.remove(removed.grant, drift),
        "heard": lambda: StoredHeard(database).hear(PROD, book.clock.now()),
        "own role": lambda: grants.own_role(role),
        "own permission": lambda: grants.own_permission(OwnPermission("uuid", Moid("group-h4"), SVC, 7)),
        "process": lambda: processes.acknowledge(Acknowledgement("boot", "serve", 0, "r", "")),
        "reload": processes.ask_reload,
        "process leaves": lambda: processes.leave("boot"),
    }


def _applied(name: str) -> AppliedGrant:
    return replace(APPLIED, grant=GrantId(name))


def _said(door: Door) -> str:
    try:
        door()
    except LogUnavailable:
        return "log_unavailable"
    except Refused as refused:
        return str(refused.reason)
    return "taken"


@contextmanager
def _no_room(path: Path) -> Iterator[None]:
    wal = path.with_name(path.name + "-wal")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def _read_only(path: Path) -> Iterator[None]:
    path.chmod(0o400)
    try:
        yield
    finally:
        path.chmod(0o600)


TROUBLES = {"no_room": _no_room, "read_only": _read_only}


def main() -> None:
    trouble, path = TROUBLES[sys.argv[1]], Path(sys.argv[2])
    book = open_book(path, SystemClock(), Rate(1000, 60))
    doors = _request_doors(book) | _operator_doors(book) | _process_doors(book)
    told: dict[str, list[object]] = {}
    for name, door in doors.items():
        before = book.reading.size()
        with trouble(path):
            without = [_said(door), _said(door)]
        book.database.reopen()
        between = book.reading.size()
        told[name] = [*without, _said(door), between - before, book.reading.size() - between]
    seqs = [record["seq"] for record in book.reading.records()]
    print(json.dumps({"told": told, "contiguous": seqs == list(range(len(seqs)))}))
    book.database.close()


if __name__ == "__main__":
    main()
