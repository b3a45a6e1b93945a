"""Receipts that apps kept: the log holds the record of each, and it is the one of the app's own ticket."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.audit.proofs import StoredProofs
from broker.cli.exits import Exit
from broker.client.receipts import keep_receipt
from broker.model.receipt import Receipt
from broker.store.log import StoredLog
from broker.verify.evidence import Evidence, receipts_in
from broker.verify.verdict import Verdict
from tests.support.bundles import Told, exported, theirs
from tests.support.clock import HandClock
from tests.support.log_keys import LOG_KEYS, ORIGIN
from tests.support.records import issued, open_book
from tests.support.verifying import damaged, verdict_on


@dataclass(frozen=True)
class Site:
    """A store, and what its apps kept."""

    path: Path
    export: Path
    receipts: Path
    given: tuple[tuple[str, Receipt], ...]
    intent: tuple[str, Receipt]
    """Of the first ticket's intent, in place of its outcome."""

    def verdict(self) -> Verdict:
        damaged(self.path)
        evidence = Evidence(receipts=tuple(receipts_in(self.receipts)))
        return verdict_on(self.path, LOG_KEYS.verifiers(), evidence)

    def shipped_verdict(self) -> Told:
        """Of the verifier that needs nothing of ours."""
        return theirs(self.export, "--receipts", str(self.receipts))

    def keep(self, issuance: str, receipt: Receipt) -> None:
        keep_receipt(self.receipts, ORIGIN, receipt, issuance)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    clock = HandClock()
    book = open_book(tmp_path / "broker.db", clock)
    given = []
    for _ in range(3):
        attempt, intent = book.begin()
        given.append((attempt.issuance, book.ledger.conclude(attempt, intent, issued(clock))))
    (leaf,) = StoredLog(book.database).leaves(0, 1)
    of_intent = given[0][0], StoredProofs(book.database).receipt_of(0, leaf.content)
    export = exported(book, tmp_path / "export")
    book.database.close()
    return Site(tmp_path / "broker.db", export, tmp_path / "receipts", tuple(given), of_intent)


def test_receipts_as_our_client_keeps_them_hold(site: Site) -> None:
    for issuance, receipt in site.given:
        site.keep(issuance, receipt)
    verdict = site.verdict()
    assert verdict.findings == ()
    assert verdict.checked["receipts"] == 3
    assert site.shipped_verdict().code == Exit.DONE


def test_a_receipt_of_another_ticket_is_found(site: Site) -> None:
    (_, receipt), (other, _), _ = site.given
    site.keep(other, receipt)
    (finding,) = site.verdict().findings
    assert f"came with the ticket of {other}" in str(finding)
    assert f"is not the issuing of {other}" in site.shipped_verdict().text


def test_a_receipt_of_an_intent_proves_no_ticket(site: Site) -> None:
    site.keep(*site.intent)
    (finding,) = site.verdict().findings
    assert "of whose issuing record 0 does not tell" in str(finding)
    assert "record 0 is not the issuing of" in site.shipped_verdict().text
