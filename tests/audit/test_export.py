"""Exports: what stands in them, what they prove, and that they are on record before they appear."""

import csv
import hashlib
import json
import resource
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.audit.export.exporting import Exporter
from broker.audit.export.manifest import Description
from broker.audit.export.selection import Extra, Selection
from broker.audit.system import AuditSystemLog
from broker.errors import FileRefused, LogUnavailable
from broker.files import FileExists
from broker.model.record import Event, Record
from broker.ports.operation import SystemLog
from broker.store.log import Leaf
from broker.store.published import PublishedTree
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.encoding import from_base64
from broker.tlog.merkle import included, leaf_hash
from broker.tlog.proof import parsed_proof
from tests.support.log_keys import LOG_KEYS
from tests.support.outsider import outsiders_check, outsiders_index
from tests.support.records import Book

SIZE = 600
PROGRAMS = {"verify.py": b"# checks an export\n"}
(KEY,) = LOG_KEYS.verifiers()
EVERY_SEVENTH = {"app": "app-0"}
CHANGE = "UPDATE record SET leaf = CAST(replace(CAST(leaf AS TEXT), '192.0.2.1', '192.0.2.9') AS BLOB)"


def recorded(book: Book, *apps: str) -> None:
    """A record for each of these apps, in one transaction."""
    fields = {
        "method": "private_key_jwt",
        "scopes": "tickets",
        "address": "192.0.2.1",
        "user_agent": "=cmd()",
    }
    AuditSystemLog(book.database).append([Record(Event.TOKEN_ISSUED, {"app": app, **fields}) for app in apps])


@dataclass(frozen=True)
class Site:
    """A log of 600 records, and where exports of it go."""

    book: Book
    target: Path

    def export(
        self,
        query: dict[str, str],
        *extras: Extra,
        journal: SystemLog | None = None,
        onlooker: Callable[[int], None] = lambda _: None,
    ) -> Description:
        """Of the records of an app, or of all."""
        database = self.book.database
        exporter = Exporter(
            PublishedTree(database), journal or AuditSystemLog(database), self.book.clock, PROGRAMS
        )
        selection = Selection(query, lambda size: self._leaves(size, query.get("app", "")))
        return exporter.export(self.target, selection, frozenset(extras), "auditor", onlooker).what

    def _leaves(self, size: int, app: str) -> Iterable[Leaf]:
        return (
            leaf for leaf in self.book.reading.leaves() if leaf.seq < size and app.encode() in leaf.content
        )

    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.target / "manifest.json").read_bytes())
        return content

    def lines(self, name: str) -> list[bytes]:
        *lines, last = (self.target / name).read_bytes().split(b"\n")
        assert last == b""
        return lines

    def files(self) -> set[str]:
        return {str(file.relative_to(self.target)) for file in self.target.rglob("*") if file.is_file()}


@pytest.fixture
def site(book: Book, tmp_path: Path) -> Site:
    recorded(book, *(f"app-{number % 7}" for number in range(SIZE)))
    folder = tmp_path / "exports"
    folder.mkdir()
    return Site(book, folder / "all")


def test_the_whole_log_verifies_with_somebody_elses_tool(site: Site, tmp_path: Path) -> None:
    site.export({})
    assert f"Successfully fsck'd log with size {SIZE} " in outsiders_check(site.target, str(KEY), tmp_path)


@pytest.mark.parametrize(
    "name", ["tile/entries/001", "tile/entries/002.p/88", "tile/0/000", "tile/1/000.p/2"]
)
def test_somebody_elses_tool_finds_one_bit_that_is_wrong(site: Site, tmp_path: Path, name: str) -> None:
    site.export({})
    file = site.target / name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    told = outsiders_check(site.target, str(KEY), tmp_path)
    assert "Successfully" not in told
    assert "fsck failed" in told


def test_records_stand_in_it_byte_by_byte(site: Site) -> None:
    site.export({})
    assert site.lines("records.jsonl") == [leaf.content for leaf in site.book.reading.leaves()][:SIZE]


def test_the_manifest_says_what_it_is_and_names_every_other_file(site: Site) -> None:
    site.export({}, Extra.TABLE)
    manifest = site.manifest()
    files = manifest.pop("files")
    checkpoint = parsed_checkpoint((site.target / "checkpoint").read_text())
    assert checkpoint.verify([KEY])
    assert manifest == {
        "format": "cim-ticket-broker/audit-export/1",
        "generator": manifest["generator"],
        "exported_at": "2026-11-23T12:00:00.000Z",
        "exported_by": "auditor",
        "scope": "log",
        "query": {},
        "count": SIZE,
        "first": 0,
        "last": SIZE - 1,
        "origin": KEY.name,
        "size": SIZE,
        "root": manifest["root"],
        "checkpoint": str(checkpoint.note),
    }
    assert (checkpoint.head.size, checkpoint.head.root) == (SIZE, from_base64(manifest["root"]))
    assert set(files) == site.files() - {"manifest.json"}
    for name, facts in files.items():
        content = (site.target / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_the_keys_and_a_verifier_come_along(site: Site) -> None:
    site.export(EVERY_SEVENTH)
    assert json.loads((site.target / "keys.json").read_bytes()) == {
        "keys": [{"key_id": KEY.id, "origin": KEY.name, "key": str(KEY), "from_size": 0, "until_size": None}]
    }
    assert (site.target / "verify.py").read_bytes() == PROGRAMS["verify.py"]


def test_each_record_of_a_selection_is_proved(site: Site) -> None:
    site.export(EVERY_SEVENTH)
    manifest = site.manifest()
    records, proofs = site.lines("records.jsonl"), [json.loads(line) for line in site.lines("proofs.jsonl")]
    assert [proof["index"] for proof in proofs] == list(range(0, SIZE, 7))
    assert (manifest["scope"], manifest["query"]) == ("selection", EVERY_SEVENTH)
    assert (manifest["count"], manifest["first"], manifest["last"]) == (len(records), 0, 595)
    root = from_base64(manifest["root"])
    for record, proof in zip(records, proofs, strict=True):
        path = [from_base64(step) for step in proof["path"]]
        assert included(proof["index"], SIZE, leaf_hash(record), path, root)  # type: ignore[arg-type]


def test_nothing_found_is_an_export_too(site: Site) -> None:
    made = site.export({"app": "nobody"})
    assert (made.extent.count, made.extent.first, made.extent.last) == (0, None, None)
    assert (site.lines("records.jsonl"), site.lines("proofs.jsonl")) == ([], [])


def test_each_proof_stands_alone_where_it_was_asked_for(site: Site) -> None:
    site.export(EVERY_SEVENTH, Extra.PROOF_FILES)
    record = site.lines("records.jsonl")[2]
    text = (site.target / "proofs" / "14.tlog-proof").read_text()
    assert parsed_proof(text).verify(leaf_hash(record), [KEY]).size == SIZE
    assert outsiders_index(text, str(KEY), KEY.name, record.decode()) == 14
    assert len(list((site.target / "proofs").iterdir())) == len(site.lines("records.jsonl"))


def test_a_spreadsheet_gets_every_record_and_no_formula(site: Site) -> None:
    recorded(site.book, "=app-0()")
    site.export(EVERY_SEVENTH, Extra.TABLE)
    with (site.target / "records.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == [*range(0, SIZE, 7), SIZE]
    assert [row["leaf_hash"] for row in rows] == [leaf_hash(r).hex() for r in site.lines("records.jsonl")]
    assert {(row["code"], row["app"], row["host"]) for row in rows[:-1]} == {("A200I", "app-0", "")}
    assert rows[-1]["app"] == "'=app-0()"


class Watching:
    """A journal that notes whether the export was there already."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.appeared: list[bool] = []

    def append(self, records: Sequence[Record]) -> None:
        self.appeared.append(self._site.target.exists())
        AuditSystemLog(self._site.book.database).append(records)


def test_it_is_on_record_before_it_appears(site: Site) -> None:
    journal = Watching(site)
    site.export(EVERY_SEVENTH, journal=journal)
    assert journal.appeared == [False]
    manifest = (site.target / "manifest.json").read_bytes()
    last = site.book.last()
    assert (last["seq"], last["event"]) == (SIZE, "audit_exported")
    assert last["fields"] == {
        "by": "auditor",
        "query": EVERY_SEVENTH,
        "count": 86,
        "first_index": 0,
        "last_index": 595,
        "tree_size": SIZE,
        "manifest_sha256": hashlib.sha256(manifest).hexdigest(),
    }


class Refusing:
    """A journal that takes nothing."""

    def append(self, records: Sequence[Record]) -> None:
        raise LogUnavailable("the disk is full")


def test_what_cannot_be_put_on_record_leaves_nothing_behind(site: Site) -> None:
    with pytest.raises(LogUnavailable):
        site.export({}, journal=Refusing())
    assert list(site.target.parent.iterdir()) == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """To this process, a disk that has no room for longer ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 10_000, 150_000])
def test_a_disk_that_fills_amid_an_export_leaves_nothing_of_it_and_no_record(site: Site, size: int) -> None:
    with files_of_at_most(size), pytest.raises(FileRefused, match="File too large"):
        site.export({})
    assert list(site.target.parent.iterdir()) == []
    assert site.book.reading.size() == SIZE
    site.export({})
    assert max((site.target / name).stat().st_size for name in site.files()) > 150_000


def test_nothing_is_overwritten_and_nothing_recorded(site: Site) -> None:
    site.target.symlink_to("nowhere")
    with pytest.raises(FileExists, match="exists already"):
        site.export({})
    assert site.book.reading.size() == SIZE
    assert [file.name for file in site.target.parent.iterdir()] == ["all"]


class Overtaking(Watching):
    """A journal beside which somebody else takes the name."""

    def append(self, records: Sequence[Record]) -> None:
        self._site.target.mkdir()
        super().append(records)


def test_a_folder_that_somebody_made_meanwhile_is_left_alone(site: Site) -> None:
    with pytest.raises(FileExists):
        site.export({}, journal=Overtaking(site))
    assert list(site.target.parent.iterdir()) == [site.target]
    assert list(site.target.iterdir()) == []


def test_a_place_that_is_not_there_is_named(site: Site) -> None:
    nowhere = Site(site.book, site.target / "below" / "export")
    with pytest.raises(FileRefused, match="below"):
        nowhere.export({})


def test_what_is_recorded_meanwhile_is_left_to_the_next_export(site: Site) -> None:
    def busy(index: int) -> None:
        if index == 0:
            recorded(site.book, "app-0")

    for query, count in (({}, SIZE), (EVERY_SEVENTH, 87)):
        export = Site(site.book, site.target.parent / str(count)).export(query, onlooker=busy)
        assert export.extent.count == count


def tampered(path: Path, statement: str) -> None:
    """Changed past the broker, as somebody with access to the file can."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"{CHANGE} WHERE seq = 301", "do not give the root"),
        ("DELETE FROM record WHERE seq = 301", "record 301 of the log is missing"),
        ("DELETE FROM record WHERE seq = 599", "record 599 of the log is missing"),
        ("UPDATE head SET checkpoint = replace(checkpoint, '600', '599')", "signed head"),
        ("DELETE FROM log_key", "signed head"),
    ],
)
def test_a_log_that_does_not_verify_is_not_exported(
    site: Site, path: Path, statement: str, told: str
) -> None:
    tampered(path, statement)
    with pytest.raises(LogUnavailable, match=told):
        site.export({})
    assert list(site.target.parent.iterdir()) == []


def test_a_record_that_was_changed_is_named_where_it_is_selected(site: Site, path: Path) -> None:
    tampered(path, f"{CHANGE} WHERE seq = 301")
    with pytest.raises(LogUnavailable, match="record 301 of the log does not lead"):
        site.export({"app": "app-0"})
