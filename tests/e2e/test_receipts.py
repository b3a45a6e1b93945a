"""Every ticket of a running broker comes with a receipt that whoever gets it verifies and keeps."""

import json
from pathlib import Path

from broker.cli.exits import Exit
from broker.client.api import HostTicket
from broker.client.memory import memory_of
from broker.clock import SystemClock
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.merkle import leaf_hash
from tests.support.given_log import log_key
from tests.support.log_keys import LOG_KEYS
from tests.support.stack import HOST, Stack, end, until

OTHER_HOST = "esx0002.lab.example"


def content(stack: Stack, index: int) -> bytes:
    """The bytes of that record."""
    database = Database.open_existing(stack.store, SystemClock(), LOG_KEYS)
    try:
        (found,) = StoredLog(database).leaves(index, 1)
    finally:
        database.close()
    return found.content


def newest(stack: Stack) -> int:
    """The size of the newest checkpoint that the app remembers."""
    known = memory_of(stack.site.log_state, stack.site.url).known()
    assert known is not None
    return known.newest.head.size


def remembered(state: Path, url: str) -> list[str]:
    """The keys of the log that count there."""
    known = memory_of(state, url).known()
    return [] if known is None else [str(key) for key in known.keys]


def test_a_receipt_is_of_the_record_of_its_ticket(stack: Stack) -> None:
    with stack.client() as client:
        ticket = client.ticket(HOST)
    leaf = content(stack, ticket.receipt.index)
    assert json.loads(leaf)["fields"]["issuance"] == ticket.issuance
    assert json.loads(leaf)["event"] == "ticket_issued"
    assert leaf_hash(leaf) == ticket.receipt.leaf_hash
    assert parsed_checkpoint(ticket.receipt.checkpoint).verify(LOG_KEYS.verifiers())


def test_each_ticket_of_a_batch_has_a_receipt_of_its_own(stack: Stack) -> None:
    with stack.client() as client:
        results = list(client.tickets([HOST, OTHER_HOST]))
    tickets = [result.ticket for result in results if isinstance(result, HostTicket)]
    assert len({ticket.receipt.index for ticket in tickets}) == 2
    assert newest(stack) > max(ticket.receipt.index for ticket in tickets)


def test_the_command_prints_a_ticket_with_its_receipt_once_that_is_verified_and_kept(stack: Stack) -> None:
    done = stack.process("ticket", HOST, *stack.as_app(), "--key", str(stack.site.app_key))
    answer = json.loads(done.stdout)
    kept = [json.loads(file.read_text()) for file in stack.site.receipts.iterdir()]
    assert {"issuance": answer["issuance"], **answer["receipt"]} in kept
    assert newest(stack) == parsed_checkpoint(answer["receipt"]["checkpoint"]).head.size


def test_without_a_key_given_the_first_one_shown_counts_and_the_log_is_proved_to_go_on(
    stack: Stack, tmp_path: Path
) -> None:
    who = (*stack.as_app()[:6], "--key", str(stack.site.app_key), "--log-state", str(tmp_path))
    for _ in range(3):
        stack.broker("ticket", HOST, *who, "--check-consistency")
    known = memory_of(tmp_path, stack.site.url).known()
    assert known is not None
    assert known.keys == LOG_KEYS.verifiers()
    assert known.proved == known.newest
    other = stack.broker("ticket", HOST, *who, "--log-key", str(log_key(9).verifier), check=False)
    assert other.returncode == Exit.WRONG


def test_a_ticket_whose_receipt_is_signed_by_another_key_is_not_printed(stack: Stack, tmp_path: Path) -> None:
    who = (*stack.as_app()[:6], "--key", str(stack.site.app_key), "--log-state", str(tmp_path))
    other = ("--log-key", str(log_key(9).verifier))
    for command in (("ticket", HOST, "--output", str(tmp_path / "out")), ("tickets", HOST, OTHER_HOST)):
        done = stack.broker(*command, *who, *other, check=False)
        assert (done.returncode, done.stdout) == (Exit.WRONG, "")
        assert "is signed by no key of that name that is trusted" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_broker_that_was_started_anew_goes_on_with_the_same_log(fresh: Stack) -> None:
    sizes = []
    for _ in range(2):
        process = fresh.serve()
        fresh.ready()
        with fresh.client() as client:
            for _ in range(2):
                client.ticket(HOST)
        sizes.append(newest(fresh))
        assert end(process) == 0
    assert sizes[0] < sizes[1]
    assert len(list(fresh.site.receipts.iterdir())) == 4


def test_a_host_follows_a_rotation_of_the_logs_key_while_both_keys_sign(fresh: Stack, tmp_path: Path) -> None:
    fresh.serve()
    fresh.ready()
    site = fresh.site
    first = ("--key", str(site.app_key), "--log-state", str(tmp_path / "first-seen"), "--check-consistency")
    given = ("--key", str(site.app_key), "--log-state", str(tmp_path / "given"), "--log-keys")

    def poll(*who: str) -> int:
        return fresh.broker("ticket", HOST, *fresh.as_app()[:6], *who, check=False).returncode

    assert (poll(*first), poll(*given, str(site.log_key))) == (Exit.DONE, Exit.DONE)
    new_key = json.loads(fresh.config("audit", "keys", "rotate", "--format", "json").stdout)["key"]
    until(
        lambda: poll(*first) == Exit.DONE and new_key in remembered(tmp_path / "first-seen", site.url), "both"
    )
    assert poll(*given, str(site.log_key)) == Exit.DONE
    fresh.config("audit", "keys", "rotate", "--finish")
    (tmp_path / "new.pub").write_text(new_key)
    assert (poll(*first), poll(*given, str(site.log_key))) == (Exit.DONE, Exit.WRONG)
    assert poll(*given, str(tmp_path / "new.pub")) == Exit.DONE
    for state in ("first-seen", "given"):
        assert remembered(tmp_path / state, site.url) == [new_key]
