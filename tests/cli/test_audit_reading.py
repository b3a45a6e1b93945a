"""`broker audit list, show, tail, report, find-ticket`: what is read is shown once it is on record."""

import csv
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.audit.custody.mark import mark_of
from broker.audit.fingerprint import TicketFingerprints
from broker.cli import main
from broker.cli.exits import Exit
from broker.cli.operator import operator
from broker.errors import LogUnavailable, Reason
from broker.model.issuance import Attempt
from broker.model.names import GrantId
from broker.model.reports import REPORTS, ReportName
from broker.model.secret import Secret
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.switches import GrantSwitches
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.merkle import included, leaf_hash
from tests.support.clock import HandClock
from tests.support.issuing import CALLER, HOST, TICKET
from tests.support.marks import marked
from tests.support.policy_files import PolicyFiles
from tests.support.records import Book, issued, open_book
from tests.support.stack import until
from tests.support.tools import ROOT

KEYS = (Secret("a1" * 32), Secret("b2" * 32))
"""The fingerprint key of today, and the one before it."""


def ticket(number: int) -> str:
    return f"{TICKET}-{number}"


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """A log in which the first issuance was marked with the key before, the second with today's."""
    monkeypatch.setenv("BROKER_STORE", str(tmp_path / "store.db"))
    book = open_book(tmp_path / "store.db", HandClock())
    for number, key in enumerate(KEYS[::-1]):
        issue(book, number, key)
    marked(tmp_path / "store.db")
    yield book
    book.database.close()


def issue(book: Book, number: int, key: Secret) -> Attempt:
    attempt, intent = book.begin()
    fingerprint, key_id = TicketFingerprints(key).of_ticket(Secret(ticket(number)))
    outcome = replace(issued(book.clock), fingerprint=fingerprint, fingerprint_key_id=key_id)
    book.ledger.conclude(attempt, intent, outcome)
    return attempt


def typed(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["audit", *arguments], input=given, prog_name="broker")


def told(*arguments: str, given: str = "") -> list[dict[str, Any]]:
    """What is printed as JSON Lines."""
    result = typed(*arguments, "--format", "json", given=given)
    assert result.exit_code == Exit.DONE, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def last_query(book: Book) -> dict[str, Any]:
    record = book.last()
    assert record["event"] == "audit_queried"
    assert record["fields"].pop("by") == operator()
    return dict(record["fields"])


def test_a_list_is_a_page_of_what_the_filters_let_through_the_newest_first(book: Book) -> None:
    shown = told("list", "--event", "ticket_issued", "--host", HOST.name.upper())
    assert [record["index"] for record in shown] == [3, 1]
    assert shown[0]["fields"]["host"] == HOST.name
    assert last_query(book) == {
        "what": "records",
        "query": {"event": "ticket_issued", "host": HOST.name},
        "count": 2,
        "first_index": 1,
        "last_index": 3,
        "tree_size": 4,
    }


def test_a_list_says_where_the_next_page_begins(book: Book) -> None:
    result = typed("list", "--limit", "2", "--oldest-first")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["index", "0", "1"]
    assert result.stderr == "there are more: --after 1\n"
    following = told("list", "--limit", "2", "--oldest-first", "--after", "1")
    assert [record["index"] for record in following] == [2, 3]


def test_a_query_whose_record_cannot_be_made_shows_nothing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    monkeypatch.setattr(StoredLog, "append", full)
    for command in (("list",), ("show", "1"), ("tail",), ("report", "refusals")):
        result = typed(*command)
        assert (result.exit_code, result.stdout) == (Exit.FAILED, ""), command
        assert "the disk is full" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("list", "--since", "yesterday"), "since is not valid"),
        (("list", "--event", "nothing"), "event is not valid"),
        (("report", "access"), "host is not valid"),
        (("report", "refusals", "--host", "esx01"), "host is not valid"),
        (("report", "issuances", "--app", "A'); DROP TABLE record; --"), "app is not valid"),
        (("show", "one"), "reference is not valid"),
    ],
)
def test_what_is_asked_outside_its_grammar_is_a_mistake_of_use(
    book: Book, arguments: tuple[str, ...], wrong: str
) -> None:
    result = typed(*arguments)
    assert result.exit_code == Exit.USAGE
    assert wrong in result.stderr
    assert book.reading.size() == 4


@pytest.mark.parametrize("by", ["issuance", "index", "id"])
def test_show_proves_all_records_of_an_issuance(book: Book, by: str) -> None:
    record = list(book.reading.records())[3]
    reference = {"issuance": record["fields"]["issuance"], "index": "3", "id": record["id"]}[by]
    shown = told("show", reference)
    assert [each["index"] for each in shown] == [2, 3]
    for each in shown:
        head = parsed_checkpoint(each["checkpoint"]).head
        leaf, path = leaf_hash(each["leaf"].encode()), [bytes.fromhex(step) for step in each["proof"]]
        assert leaf.hex() == each["leaf_hash"]
        assert included(each["index"], head.size, leaf, path, head.root)
        assert json.loads(each["leaf"]) == each["record"]
    assert last_query(book)["what"] == "record"


def test_show_tells_people_what_proves_a_record(book: Book) -> None:
    result = typed("show", "0")
    assert "proved     by 2 hashes up to the signed head of broker.test/audit, size 4" in result.stdout
    assert result.stdout.count("ticket_i") == 4


def test_show_of_nothing_fails_and_is_on_record(book: Book) -> None:
    assert typed("show", "99").exit_code == Exit.FAILED
    assert last_query(book)["count"] == 0


def test_show_refuses_a_record_that_the_signed_head_does_not_hold(book: Book) -> None:
    """One that was rewritten with its hash, and the mark taken away, so that only the head tells."""
    mark_of(Path(os.environ["BROKER_STORE"]), None).path.unlink()
    (leaf,) = StoredLog(book.database).at(1)
    forged = leaf.content.replace(b'"cim-a"', b'"cim-b"')
    values = (forged, leaf_hash(forged))
    rewrite = "UPDATE record SET leaf = ?, hash = ? WHERE seq = 1"
    book.database.write(Reserve.NONE, lambda t: t.connection.exec_driver_sql(rewrite, values))
    result = typed("show", "1")
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")
    assert "of broker.test/audit at size 5; run: broker audit verify" in result.stderr


def test_tail_shows_the_newest_records_the_oldest_of_them_first(book: Book) -> None:
    assert [record["index"] for record in told("tail", "--lines", "3")] == [1, 2, 3]
    assert last_query(book)["count"] == 3


def test_tail_follows_what_arrives_and_its_beginning_and_end_are_on_record(book: Book) -> None:
    asked = "tail --follow --lines 1 --event ticket_intent,ticket_issued --format json"
    command = [sys.executable, "-m", "broker", "audit", *asked.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ) as tail:
        assert tail.stdout is not None
        assert json.loads(tail.stdout.readline())["index"] == 3
        until(lambda: book.reading.size() == 5, "the record of the beginning")
        attempt = issue(book, 7, KEYS[0])
        arrived = [json.loads(tail.stdout.readline()) for _ in range(2)]
        assert [each["fields"]["issuance"] for each in arrived] == [attempt.issuance] * 2
        tail.send_signal(signal.SIGINT)
        assert tail.wait(30) == Exit.DONE
    began, ended = list(book.reading.records())[4], book.last()
    assert (began["event"], began["fields"]["what"], began["fields"]["count"]) == ("audit_queried", "tail", 1)
    assert ended["event"] == "audit_followed"
    assert (ended["fields"]["count"], ended["fields"]["first_index"], ended["fields"]["last_index"]) == (
        2,
        5,
        6,
    )


def test_a_report_is_told_to_people_programs_and_spreadsheets(book: Book) -> None:
    book.access.access_refused(None, Reason.UNAUTHENTICATED, "/v1/tickets", CALLER.origin, "expired")
    as_table = typed("report", "refusals")
    assert as_table.stdout.splitlines()[0].split() == list(REPORTS[ReportName.REFUSALS].columns)
    result = typed("report", "refusals", "--format", "json")
    document = json.loads(result.stdout)
    assert (document["report"], document["query"], document["notes"]) == ("refusals", {}, {})
    assert [(row["reason"], row["count"]) for row in document["rows"]] == [("unauthenticated", 1)]
    as_csv = typed("report", "refusals", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(as_csv.stdout))
    assert row["reason"] == "unauthenticated"
    assert last_query(book) == {
        "what": "report refusals",
        "query": {},
        "count": 1,
        "first_index": None,
        "last_index": None,
        "tree_size": 7,
    }


def test_a_report_in_csv_holds_no_formula(book: Book) -> None:
    GrantSwitches(book.database).disable(GrantId("nagios-dc1"), '=HYPERLINK("http://example.com")')
    result = typed("report", "changes", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert row["by"].startswith("'=")


def test_a_report_tells_besides_what_no_row_does(book: Book) -> None:
    result = typed("report", "issuances", "--app", "nagios")
    assert result.stdout.count(" issued ") == 2
    assert "template_revisions: template=cim-ticket; revision=template-1; first_index=0" in result.stderr


@pytest.fixture
def site(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PolicyFiles:
    """Files whose fingerprint key was changed, and names the one before."""
    files = PolicyFiles(tmp_path / "site")
    files.put("old.key", KEYS[1].reveal())
    (files.folder / "old.key").chmod(0o600)
    files.add("server.yaml", "old_fingerprint_keys: [{file: old.key}]\n")
    monkeypatch.setenv("BROKER_FINGERPRINT_KEY", KEYS[0].reveal())
    return files


@pytest.mark.parametrize("number", [0, 1])
def test_a_ticket_is_found_by_its_fingerprint_under_todays_key_and_the_one_before(
    book: Book, site: PolicyFiles, number: int
) -> None:
    arguments = ("find-ticket", "--config", str(site.folder))
    (found,) = told(*arguments, given=f"{ticket(number)}\n")
    assert found["index"] == 2 * number + 1
    assert found["fields"]["fingerprint_key"] == TicketFingerprints(KEYS[1 - number]).key_id
    assert last_query(book)["what"] == "find-ticket"


def test_a_ticket_that_nobody_was_given_is_not_found(book: Book, site: PolicyFiles) -> None:
    result = typed("find-ticket", "--config", str(site.folder), given="52aa-another\n")
    assert result.exit_code == Exit.FAILED
    assert "no record has a fingerprint of this ticket, under any of 2 keys" in result.stderr
    assert "52aa-another" not in result.output
    assert last_query(book)["count"] == 0


@pytest.mark.parametrize("given", ["", "\n", "one\ntwo\n", "x" * 5000])
def test_what_is_no_ticket_is_a_mistake_of_use(book: Book, site: PolicyFiles, given: str) -> None:
    result = typed("find-ticket", "--config", str(site.folder), given=given)
    assert result.exit_code == Exit.USAGE
    assert book.reading.size() == 4


def test_a_ticket_that_is_typed_is_not_shown(book: Book, site: PolicyFiles) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "broker", "audit", "find-ticket", "--config", str(site.folder)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, start_new_session=True
    ) as typing:
        os.close(theirs)
        said = os.read(ours, 4096)
        os.write(ours, f"{ticket(1)}\n".encode())
        while typing.poll() is None:
            said += heard(ours)
    said += heard(ours)
    os.close(ours)
    assert said.startswith(b"Ticket: ")
    assert b" ticket_issued " in said
    assert ticket(1).encode() not in said


def heard(terminal: int) -> bytes:
    """What came from the terminal; nothing once nobody holds its other end."""
    try:
        return os.read(terminal, 4096) if select.select([terminal], [], [], 0.1)[0] else b""
    except OSError:
        return b""
