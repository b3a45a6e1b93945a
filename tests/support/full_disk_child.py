"""A process whose files may not grow: `python -m tests.support.full_disk_child STORE`.

For each record of the broker it takes the room away (RLIMIT_FSIZE, the kernel's own limit),
tries to make the record, gives the room back, recovers without a restart, and tries again.
Prints one JSON object: what each door said at both times.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from broker.audit.system import AuditSystemLog
from broker.clock import SystemClock
from broker.errors import LogUnavailable, Reason, Refused
from broker.model.issuance import DryRun
from broker.model.names import AppId, GrantId, VcenterId
from broker.model.policy import Rate
from broker.model.record import Event, Record
from broker.store.credentials import StoredCredentials
from broker.store.latches import StoredLatches
from broker.store.replay import StoredReplayGuard
from broker.store.switches import GrantSwitches
from tests.support.issuing import CALLER, GRANT, HOST, PROOF
from tests.support.records import Book, issued, open_book


def _concluding(book: Book) -> Callable[[], object]:
    attempt, intent = book.begin()
    return lambda: book.ledger.conclude(attempt, intent, issued(book.clock))


def _doors(book: Book) -> dict[str, Callable[[], object]]:
    database, origin = book.database, CALLER.origin
    dry_run = DryRun(book.request().issuance, HOST, GRANT.id, GRANT.template, "t-1", GRANT.account)
    return {
        "intent": book.begin,
        "outcome": _concluding(book),
        "refusal": lambda: book.ledger.refuse(book.request(), CALLER, Refused(Reason.DRIFTED), "r"),
        "dry run": lambda: book.ledger.rehearse(dry_run, CALLER, PROOF, "r"),
        "token": lambda: book.access.token_issued(CALLER.app, "m", [], origin),
        "refused token": lambda: book.access.token_refused(None, "wrong_secret", origin),
        "refused access": lambda: book.access.access_refused(None, Reason.UNAUTHENTICATED, "/", origin),
        "assertion": lambda: StoredReplayGuard(database).first_use(AppId("a"), "jti", book.clock.now()),
        "app": lambda: StoredCredentials(database).add(AppId("nagios"), b"h" * 32, "alice"),
        "switch": lambda: GrantSwitches(database).disable(GrantId("g"), "alice"),
        "latch": lambda: StoredLatches(database).close(VcenterId("prod"), "svc", "digest"),
        "system": lambda: AuditSystemLog(database).append([Record(Event.PROCESS_STARTED, {})]),
    }


def _said(door: Callable[[], object]) -> str:
    try:
        door()
    except LogUnavailable:
        return "log_unavailable"
    return "taken"


def _try_without_room(book: Book, wal: Path, door: Callable[[], object]) -> list[str]:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    without = [_said(door), _said(door)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    book.database.reopen()
    return [*without, _said(door)]


def main() -> None:
    path = Path(sys.argv[1])
    book = open_book(path, SystemClock(), Rate(1000, 60))
    wal = path.with_name(path.name + "-wal")
    said = {name: _try_without_room(book, wal, door) for name, door in _doors(book).items()}
    seqs = [record["seq"] for record in book.reading.records()]
    print(json.dumps({"said": said, "contiguous": seqs == list(range(len(seqs))), "records": len(seqs)}))
    book.database.close()


if __name__ == "__main__":
    main()
