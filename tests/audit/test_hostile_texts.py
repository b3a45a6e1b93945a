"""What clients send goes into the log as one clean line, and nowhere else."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.errors import Reason, Refused
from broker.model.issuance import Origin
from broker.store.log import StoredLog
from tests.support.issuing import CALLER
from tests.support.records import Book

HOSTILE = [
    "check/1\r\nINFO forged line",
    "check/1\x1b[2J\x1b[31mred",
    "check/1\u2028forged",
    "check/1\u2029forged",
    "check/1\u202egnp.exe",
    "check/1\ud800\udfff",
    "check/1\x00nul",
    'check/1","event":"ticket_issued","x":"',
    "check/1'; DROP TABLE record; --",
    "=cmd|' /C calc'!A0",
    "%s %d {0} ${jndi:ldap://x}",
    "x" * 1_000_000,
]


def newest(book: Book) -> bytes:
    (leaf,) = StoredLog(book.database).leaves(book.reading.size() - 1, 1)
    return leaf.content


def check_line(line: bytes) -> None:
    text = line.decode("utf-8")
    assert text.isprintable()
    assert len(text.splitlines()) == 1
    assert len(line) < 64 * 1024
    assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text


@pytest.mark.parametrize("agent", HOSTILE)
def test_a_hostile_user_agent_is_one_clean_line_in_every_record_that_carries_it(
    book: Book, agent: str
) -> None:
    origin = Origin("192.0.2.1", agent)
    book.ledger.refuse(book.request(), replace(CALLER, origin=origin), Refused(Reason.DRIFTED, agent), agent)
    check_line(newest(book))
    book.access.token_refused(None, agent, origin)
    check_line(newest(book))
    book.access.access_refused(None, Reason.UNAUTHENTICATED, agent, origin)
    check_line(newest(book))
    book.access.token_issued(CALLER.app, agent, [agent], origin)
    check_line(newest(book))
    assert book.events() == ["T110E", "A201E", "A202E", "A200I"]


def test_a_clipped_text_says_how_much_is_missing(book: Book) -> None:
    book.access.token_refused(None, "wrong_secret", Origin("192.0.2.1", "x" * 1_000_000))
    assert book.last()["fields"]["user_agent"].endswith("…[998976 more]")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agent=st.text(st.characters()), path=st.text(st.characters()), address=st.text())
def test_any_text_is_one_clean_line(book: Book, agent: str, path: str, address: str) -> None:
    book.access.token_issued(CALLER.app, path, [path, agent], Origin(address, agent))
    check_line(newest(book))
