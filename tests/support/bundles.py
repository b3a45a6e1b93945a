"""Exports, and both verifiers on them: ours, and the one that is shipped, run where nothing of ours is."""

import hashlib
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from broker.audit.export.exporting import Exporter
from broker.audit.export.selection import Extra, selected
from broker.audit.system import AuditSystemLog
from broker.cli.exits import Exit
from broker.errors import BrokerError
from broker.store.published import PublishedTree
from broker.store.search import StoredSearch
from broker.tlog.note import VerifierKey
from broker.verify import standalone
from broker.verify.bundles.checking import verify_bundle
from broker.verify.crew import one_by_one
from broker.verify.evidence import Evidence
from broker.verify.shipped import PROGRAMS
from tests.support.clock import HandClock
from tests.support.records import Book, open_book
from tests.support.verifying import NOTHING, fill


def exported(book: Book, folder: Path, *extras: Extra, **query: str) -> Path:
    """An export of a book's log, or of the records that a query leaves."""
    database = book.database
    journal = AuditSystemLog(database)
    exporter = Exporter(PublishedTree(database), journal, database.clock, PROGRAMS)
    wanted = selected(StoredSearch(database), query)
    exporter.export(folder, wanted, frozenset(extras), "auditor", lambda _: None)
    return folder


def exports_of_one_log(folder: Path, issuances: int, *extras: Extra) -> Path:
    """A log of so many issuances: `store.db`, exports of `all` of it with the extras and of a `selection`."""
    clock = HandClock()
    book = open_book(folder / "store.db", clock)
    fill(book, clock, issuances=issuances)
    exported(book, folder / "all", *extras)
    exported(book, folder / "selection", Extra.PROOF_FILES, event="ticket_intent")
    book.database.close()
    return folder


def restated(folder: Path) -> None:
    """Let the manifest state the files as they are now: as somebody does who changed them."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_bytes())
    names = [f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file() and f != file]
    manifest["files"] = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in names
    }
    file.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Told:
    """How a verifier ended, and what it said."""

    code: int
    text: str


def ours(folder: Path, *keys: VerifierKey, evidence: Evidence = NOTHING) -> Told:
    """What `broker audit verify` finds."""
    try:
        verdict = verify_bundle(folder, keys, evidence, one_by_one, lambda _: None)
    except BrokerError as error:
        return Told(Exit.FAILED, str(error))
    return Told(Exit.DONE if verdict.good else Exit.WRONG, "\n".join(map(str, verdict.findings)))


def theirs(folder: Path, *options: str) -> Told:
    """What the shipped verifier finds, in this process."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = standalone.main([str(folder), *options])
    return Told(code, said.getvalue())


def both(folder: Path) -> int:
    """The code that both end with, believing the export's own keys."""
    one, other = ours(folder), theirs(folder)
    assert one.code == other.code, f"ours: {one}, the shipped one: {other}"
    return one.code
