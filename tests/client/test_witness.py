"""A host that asks for tickets is a witness of the log: what it was shown once must stay so."""

import json

import pytest

from broker.client.api import HostTicket
from broker.client.errors import BrokerRefused, LogAlarm, ReceiptRefused
from broker.client.receipts import receipt_document
from broker.client.witness import LOOK_EVERY
from broker.tlog.checkpoint import parsed_checkpoint
from broker.tlog.note import SignerKey
from tests.client.monitoring import CONSISTENCY, EPOCH, FIRST, KEYS, SECOND, Host
from tests.support.given_log import GivenLog


def test_the_newest_checkpoint_and_every_receipt_are_kept_and_are_the_hosts_alone(host: Host) -> None:
    for expected in (2, 4, 6):
        host.polls()
        assert host.newest() == expected
    assert [name[-8:] for name in host.kept()] == ["001.json", "003.json", "005.json"]
    assert host.memory.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in host.memory.folder.iterdir()} == {0o600}


def test_a_ticket_costs_one_request_once_the_log_is_known(host: Host) -> None:
    host.polls()
    with host.client() as client:
        client.ticket("esx01")
        before = len(host.server.seen)
        client.ticket("esx01")
        assert len(host.server.seen) == before + 1
    assert (host.asked(KEYS), host.asked(CONSISTENCY)) == (1, 0)


def test_a_batch_is_verified_line_by_line(host: Host) -> None:
    with host.client(FIRST.verifier) as client:
        results = list(client.tickets(["esx01", "esx02", "esx03"]))
    assert all(isinstance(result, HostTicket) for result in results)
    assert host.newest() == 6
    assert len(host.kept()) == 3
    assert host.asked(KEYS) == 0


def test_a_batch_ends_at_the_first_receipt_that_does_not_hold(host: Host) -> None:
    with host.client() as client:
        results = client.tickets(["esx01", "esx02"])
        next(results)
        host.broker.log = GivenLog()
        forged = client.tickets(["esx01", "esx02"])
        with pytest.raises(LogAlarm):
            list(forged)


def test_a_ticket_without_a_receipt_is_refused(host: Host) -> None:
    host.broker.receipts = [None]
    with pytest.raises(ReceiptRefused, match="without a receipt"):
        host.polls(FIRST.verifier)
    assert not host.memory.folder.exists()


def test_a_key_that_the_user_gave_is_the_only_one_that_counts(host: Host) -> None:
    with pytest.raises(LogAlarm, match="signed by no key"):
        host.polls(SECOND.verifier)
    host.polls(SECOND.verifier, FIRST.verifier)
    host.broker.log.signers = (FIRST, SECOND)
    host.looks(FIRST.verifier)
    host.broker.log.signers = (SECOND,)
    with pytest.raises(LogAlarm, match="signed by no key"):
        host.looks(FIRST.verifier)


def test_another_key_than_the_first_one_seen_is_an_alarm(host: Host) -> None:
    host.polls()
    host.broker.log.signers = (SECOND,)
    with pytest.raises(LogAlarm, match="whether its key was changed"):
        host.polls()
    assert host.newest() == 2
    host.polls(SECOND.verifier)
    host.polls()


def test_a_key_is_taken_over_while_the_one_before_signs_beside_it(host: Host) -> None:
    host.polls()
    host.broker.log.signers = (FIRST, SECOND)
    host.looks()
    host.broker.log.signers = (SECOND,)
    host.polls()
    host.broker.log.signers = (FIRST,)
    host.polls()
    assert host.newest() == 8


def test_a_key_that_no_longer_signs_counts_until_the_log_is_looked_at(host: Host) -> None:
    host.polls()
    host.broker.log.signers = (FIRST, SECOND)
    host.looks()
    host.broker.log.signers = (SECOND,)
    host.looks()
    host.broker.log.signers = (FIRST,)
    with pytest.raises(LogAlarm, match="signed by no key"):
        host.polls()


def test_a_key_that_signs_beside_the_known_one_and_is_not_shown_is_passed_over(host: Host) -> None:
    host.polls()
    host.broker.log.signers = (FIRST, SECOND)
    host.broker.shown_keys = (FIRST,)
    host.looks()
    host.broker.log.signers = (SECOND,)
    with pytest.raises(LogAlarm):
        host.polls()


def test_a_key_that_is_shown_and_signs_nothing_is_not_taken_over(host: Host) -> None:
    host.polls()
    host.looks()
    host.broker.log.signers = (SECOND,)
    with pytest.raises(LogAlarm):
        host.polls()


def test_a_new_name_of_the_log_needs_the_users_word_and_the_old_one_never_comes_back(host: Host) -> None:
    host.polls()
    before = host.broker.log.fork()
    host.broker.log.cut(1)
    host.broker.log.signers = (EPOCH,)
    with pytest.raises(LogAlarm, match="has to be given"):
        host.polls()
    with pytest.raises(LogAlarm, match="have to confirm"):
        host.polls(FIRST.verifier)
    host.polls(FIRST.verifier, EPOCH.verifier)
    host.polls()
    host.broker.log = before
    with pytest.raises(LogAlarm, match="again"):
        host.polls(FIRST.verifier, EPOCH.verifier)


@pytest.mark.parametrize("shown", [(), (EPOCH,)])
def test_a_first_receipt_under_a_name_without_a_key_is_refused(
    host: Host, shown: tuple[SignerKey, ...]
) -> None:
    host.broker.shown_keys = shown
    with pytest.raises(LogAlarm, match="shows no key of that name"):
        host.polls()


@pytest.mark.parametrize(("status", "error"), [(404, ReceiptRefused), (503, BrokerRefused)])
def test_where_no_key_can_be_had_no_ticket_is_asked_for(
    host: Host, status: int, error: type[Exception]
) -> None:
    host.broker.refuses = {KEYS: status}
    with pytest.raises(error):
        host.polls()
    assert host.asked("/v1/tickets") == 0


def test_two_logs_of_one_size_are_an_alarm_that_stands(host: Host) -> None:
    host.polls()
    forked = host.broker.log.fork()
    host.broker.receipts = [forked.issue("otherwise")]
    host.broker.meanwhile = [lambda: polls_before(host)]
    with pytest.raises(LogAlarm, match="two logs of 4 records"):
        host.polls()
    with pytest.raises(LogAlarm, match="two pasts"):
        host.polls()
    evidence = json.loads((host.memory.folder / "alarm.json").read_text())
    heads = [parsed_checkpoint(evidence[name]) for name in ("kept", "shown")]
    assert heads[0].head.size == heads[1].head.size == 4
    assert heads[0].head.root != heads[1].head.root
    assert all(head.verify([FIRST.verifier]) for head in heads)


@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_log_that_was_cut_back_is_an_alarm_at_once(host: Host, left: int) -> None:
    for _ in range(3):
        host.polls()
    host.broker.log.cut(left)
    with pytest.raises(LogAlarm, match="held 6 records before"):
        host.polls()
    assert host.asked(CONSISTENCY) == 0
    assert host.newest() == 6


def test_a_receipt_of_a_record_of_before_is_an_alarm(host: Host) -> None:
    host.polls()
    host.polls()
    host.broker.receipts = [receipt_document(host.broker.log.receipt(1))]
    with pytest.raises(LogAlarm, match="whose record is number 1"):
        host.polls()


def test_two_tickets_of_a_batch_with_one_record_are_refused(host: Host) -> None:
    host.broker.receipts = [host.broker.log.issue()] * 2
    with host.client() as client, pytest.raises(ReceiptRefused, match="two tickets"):
        list(client.tickets(["esx01", "esx02"]))


def test_a_past_that_was_changed_shows_when_the_log_is_looked_at(host: Host) -> None:
    host.polls()
    host.broker.log.records[0] = b"something else"
    host.polls()
    host.clock.advance(LOOK_EVERY.total_seconds())
    with pytest.raises(LogAlarm, match="do not begin with the 2"):
        host.polls()
    with pytest.raises(LogAlarm, match="two pasts"):
        host.polls()


def test_a_log_is_looked_at_once_in_a_while_by_one_who_asks(host: Host) -> None:
    for _ in range(3):
        host.clock.advance(LOOK_EVERY.total_seconds() / 2)
        host.polls()
    host.polls()
    assert host.asked(CONSISTENCY) == 2, "from the last look, and from what was known before this ticket"


def test_a_proof_of_consistency_is_had_for_the_asking(host: Host) -> None:
    host.polls()
    host.looks()
    host.looks()
    assert host.asked(CONSISTENCY) == 2


def test_a_clock_that_was_set_back_puts_off_no_look(host: Host) -> None:
    host.polls()
    host.clock.correct(-365 * 86400)
    host.polls()
    assert host.asked(CONSISTENCY) == 1


def test_a_look_that_fails_costs_no_ticket_until_it_is_overdue(host: Host) -> None:
    host.polls()
    host.broker.refuses = {CONSISTENCY: 503}
    host.clock.advance(LOOK_EVERY.total_seconds())
    host.polls()
    host.polls()
    assert host.asked(CONSISTENCY) == 2
    host.clock.advance(LOOK_EVERY.total_seconds())
    with pytest.raises(LogAlarm, match="does not show that its log"):
        host.polls()
    host.broker.refuses = {}
    host.polls()


def polls_before(host: Host) -> None:
    """Another process is answered while one waits, whose receipt is made already."""
    made, host.broker.receipts = host.broker.receipts, []
    host.polls()
    host.broker.receipts = made


def test_an_answer_that_comes_late_does_not_take_the_memory_back(host: Host) -> None:
    host.polls()
    host.broker.receipts = [host.broker.log.issue("late")]
    host.broker.meanwhile = [lambda: polls_before(host)]
    host.looks()
    assert host.newest() == 6
    assert host.asked(CONSISTENCY) == 2, "from the checkpoint that was proved before, and from the late one"


def test_a_late_answer_out_of_another_log_is_found_when_the_log_is_looked_at(host: Host) -> None:
    host.polls()
    forked = host.broker.log.fork()
    host.broker.receipts = [forked.issue("otherwise")]
    host.broker.log.issue("in between")
    host.broker.meanwhile = [lambda: polls_before(host)]
    with pytest.raises(LogAlarm, match="do not begin with the 4"):
        host.looks()
