"""/v1/audit: auditors read the log, each reading on record; every app may see that it has not forked."""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from broker.errors import LogUnavailable
from broker.model.policy import Scope
from broker.store.log import StoredLog
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.merkle import consistent, included, leaf_hash
from broker.tlog.note import verifier_key
from tests.support.clock import HandClock
from tests.support.http_fakes import AUDITOR, Desk, make_desk
from tests.support.issuing import HOST
from tests.support.records import Book, open_book
from tests.support.shown_log import shown_log

AUDIT = "/v1/audit"
FOR_EVERY_APP = ("/checkpoint", "/keys", "/proofs/consistency?old=1&new=2")
FOR_AUDITORS = ("/records", "/records/0", "/reports/refusals", "/proofs/inclusion?index=0&size=2")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = open_book(tmp_path / "store.db", HandClock())
    for _ in range(3):
        book.issue()
    yield book
    book.database.close()


@pytest.fixture
def desk(book: Book) -> Desk:
    return make_desk(log=shown_log(book.database))


def read(desk: Desk, path: str) -> TestResponse:
    return desk.get(AUDIT + path, AUDITOR, "audit.read")


def told(desk: Desk, path: str) -> Any:
    answer = read(desk, path)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_records_are_pages_of_what_the_filters_let_through(desk: Desk, book: Book) -> None:
    first = told(desk, f"/records?event=ticket_issued&host={HOST.name}&limit=2")
    assert [item["index"] for item in first["items"]] == [5, 3]
    second = told(desk, f"/records?event=ticket_issued&limit=2&cursor={first['next_cursor']}")
    assert ([item["index"] for item in second["items"]], second["next_cursor"]) == ([1], None)
    assert second["items"][0]["fields"]["host"] == HOST.name
    oldest = told(desk, "/records?order=oldest&first=1&last=2")
    assert [item["index"] for item in oldest["items"]] == [1, 2]


def test_every_page_that_an_app_reads_is_on_record_with_who_read_it(desk: Desk, book: Book) -> None:
    told(desk, "/records?event=ticket_issued&limit=2")
    record = book.last()
    assert record["event"] == "audit_queried"
    expected = {
        "what": "records",
        "query": {"event": "ticket_issued"},
        "app": AUDITOR,
        "address": "127.0.0.1",
        "count": 2,
        "first_index": 3,
        "last_index": 5,
        "tree_size": 6,
    }
    assert expected.items() <= record["fields"].items()


@pytest.mark.parametrize("path", ["/records", "/records/0", "/reports/refusals"])
def test_what_cannot_be_put_on_record_is_not_shown(
    desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    monkeypatch.setattr(StoredLog, "append", full)
    answer = read(desk, path)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "log_unavailable")
    assert HOST.name not in answer.text


def test_one_record_comes_with_its_bytes_and_its_proof(desk: Desk) -> None:
    shown = told(desk, "/records/3")
    head, leaf = parsed_checkpoint(shown["checkpoint"]).head, leaf_hash(shown["leaf"].encode())
    assert shown["leaf_hash"] == leaf.hex()
    assert included(3, head.size, leaf, hashes(shown["proof"]), head.root)
    assert json.loads(shown["leaf"]).items() <= shown["record"].items()


@pytest.mark.parametrize("index", ["99", "-1", "x", "1e3", "%00", "9" * 30])
def test_a_record_that_is_not_there_is_not_found(desk: Desk, index: str) -> None:
    assert read(desk, f"/records/{index}").status_code == 404


def test_a_report_is_paged_as_records_are(desk: Desk, book: Book) -> None:
    first = told(desk, f"/reports/access?host={HOST.name}&limit=2")
    assert (first["report"], [row["state"] for row in first["items"]]) == ("access", ["issued", "issued"])
    second = told(desk, f"/reports/access?host={HOST.name}&limit=2&cursor={first['next_cursor']}")
    assert ([row["index"] for row in second["items"]], second["next_cursor"]) == ([1], None)
    assert second["notes"] == {"other_names": []}
    assert book.last()["fields"]["what"] == "report access"


def test_a_report_that_nobody_wrote_is_not_found(desk: Desk) -> None:
    assert read(desk, "/reports/everything").status_code == 404


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("/records?since=yesterday", "?since"),
        ("/records?event=nothing", "?event"),
        ("/records?order=random", "?order"),
        ("/records?cursor=abc", "?cursor"),
        ("/records?limit=501", "?limit"),
        ("/records?app=a&app=b", "?app"),
        ("/records?columns=leaf", ""),
        ("/reports/access?since=2026-11-26", "?host"),
        ("/reports/refusals?host=esx01", "?host"),
        ("/proofs/inclusion?index=1", "?size"),
        ("/proofs/inclusion?index=6&size=6", "?index"),
        ("/proofs/inclusion?index=1&size=1000", "?index"),
        ("/proofs/consistency?old=3&new=2", "?old"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(desk: Desk, query: str, place: str) -> None:
    answer = read(desk, query)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_request")
    assert place in [error["pointer"] for error in answer.get_json()["errors"]]


@pytest.mark.parametrize("path", FOR_AUDITORS)
@pytest.mark.parametrize("scope", sorted({*Scope} - {Scope.AUDIT_READ}))
def test_records_are_for_auditors_alone(desk: Desk, path: str, scope: str) -> None:
    answer = desk.get(AUDIT + path, scope=scope)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize("path", FOR_EVERY_APP)
def test_what_shows_hashes_alone_is_for_every_app_and_not_on_record(
    desk: Desk, book: Book, path: str
) -> None:
    before = book.reading.size()
    assert desk.get(AUDIT + path).status_code == 200
    assert desk.client.get(AUDIT + path).status_code == 401
    assert book.reading.size() == before


def test_a_checkpoint_is_the_signed_note_itself(desk: Desk) -> None:
    answer = desk.get(f"{AUDIT}/checkpoint")
    assert answer.content_type == "text/plain; charset=utf-8"
    keys = [verifier_key(key["key"]) for key in desk.get(f"{AUDIT}/keys").get_json()["keys"]]
    checkpoint = parsed_checkpoint(answer.text)
    assert checkpoint.verify(keys)
    assert checkpoint.head.size == 6


def test_keys_are_told_with_the_sizes_that_they_sign(desk: Desk) -> None:
    (key,) = desk.get(f"{AUDIT}/keys").get_json()["keys"]
    assert (key["origin"], key["from_size"], key["until_size"]) == ("broker.test/audit", 0, None)


def test_the_log_is_shown_to_be_the_one_that_it_was(desk: Desk, book: Book) -> None:
    old = parsed_checkpoint(desk.get(f"{AUDIT}/checkpoint").text).head
    book.issue()
    new = parsed_checkpoint(desk.get(f"{AUDIT}/checkpoint").text).head
    proof = desk.get(f"{AUDIT}/proofs/consistency?old={old.size}&new={new.size}").get_json()
    assert consistent(old.size, old.root, new.size, new.root, hashes(proof["path"]))
    shown = told(desk, f"/proofs/inclusion?index=1&size={old.size}")
    (kept,) = StoredLog(book.database).at(1)
    assert included(1, old.size, leaf_hash(kept.content), hashes(shown["path"]), old.root)


def test_reading_counts_against_the_apps_limit(desk: Desk) -> None:
    assert "RateLimit" in read(desk, "/records").headers
    assert "RateLimit" in desk.get(f"{AUDIT}/checkpoint").headers


def hashes(path: list[str]) -> list[bytes]:
    return [b64decode(step) for step in path]
