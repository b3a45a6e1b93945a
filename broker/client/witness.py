"""Each monitoring host is a witness of the broker's log: what it was shown once must stay so.

What is held against every receipt costs no round trip: the signature, the path from the record to
the checkpoint's root, and that the record came after everything that the log was known to hold
before the ticket was asked for. Now and then the broker is asked to prove that the log of today
begins with that of before.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Self

from broker.client.errors import BadAnswer, BrokerRefused, BrokerUnreachable, LogAlarm, ReceiptRefused
from broker.client.log import ShownLog
from broker.client.memory import Known, LogMemory
from broker.client.receipts import check_receipt, keep_receipt, stated_checkpoint
from broker.client.trust import TwoPasts, check_beginning, check_order, check_same, newcomers, trusted_keys
from broker.model.receipt import Receipt
from broker.ports.clock import Clock
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.note import VerifierKey

LOOK_EVERY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Witness:
    """Who holds receipts against what is remembered of the log, and remembers them.

    `keys` are the log's public keys where the user has them, got past the broker: then no other
    counts. Without them the first ones that the broker shows are trusted, and another one only
    where a trusted key signs beside it. `receipts` is a folder for all receipts. The log is looked
    at every `look_every`; zero is after each request.
    """

    memory: LogMemory
    clock: Clock
    keys: tuple[VerifierKey, ...] = ()
    receipts: Path | None = None
    look_every: timedelta = LOOK_EVERY

    def asking(self, log: ShownLog) -> "Watch":
        """To be called before tickets are asked for.

        Raises LogAlarm where one stands, MemoryUnusable, and, when nothing is known yet and the user
        has no key, ReceiptRefused where the broker shows none either, and what ShownLog raises.
        """
        known = self.memory.known()
        first = () if self.keys or known is not None else _first_keys(log)
        return Watch(self, log, known, first)


def _first_keys(log: ShownLog) -> tuple[VerifierKey, ...]:
    try:
        return log.public_keys()
    except BrokerRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        raise ReceiptRefused(
            "the broker shows no keys of its log: it is older than this client, or hides its log"
        ) from None


class Watch:
    """What one request for tickets is held against: what was known before it was sent."""

    def __init__(
        self, witness: Witness, log: ShownLog, before: Known | None, first: tuple[VerifierKey, ...]
    ) -> None:
        self._witness = witness
        self._memory = witness.memory
        self._log = log
        self._before = before
        self._first = first
        self._used: set[int] = set()
        self._late: Checkpoint | None = None

    def take(self, receipt: Receipt, issuance: str) -> None:
        """Verify a ticket's receipt and remember it; until then the ticket is nobody's.

        Raises ReceiptRefused, LogAlarm, MemoryUnusable, and FileRefused where it cannot be kept.
        """
        checkpoint = stated_checkpoint(receipt)
        with self._memory.held(), self._alarming():
            known = self._memory.known()
            trusted = trusted_keys(checkpoint.head.origin, self._witness.keys, known, self._first)
            signers = check_receipt(receipt, checkpoint, trusted)
            self._check_new(receipt)
            check_order(self._before, checkpoint, receipt)
            self._remember(known, checkpoint, signers)
        if self._witness.receipts is not None:
            keep_receipt(self._witness.receipts, checkpoint.head.origin, receipt, issuance)

    def end(self) -> None:
        """To be called when all is taken: looks at the log where that is due.

        A look that fails is made up for by the next request, until it is overdue.
        Raises LogAlarm and MemoryUnusable.
        """
        if (known := self._claimed()) is None:
            return
        try:
            self._look(known)
        except (BrokerUnreachable, BrokerRefused, BadAnswer) as error:
            with self._memory.held():
                self._memory.keep(replace(self._memory.known() or known, looked_at=known.looked_at))
            if self._age(known) >= 2 * self._witness.look_every:
                raise LogAlarm(f"the broker does not show that its log is the one it was: {error}") from None

    def _check_new(self, receipt: Receipt) -> None:
        if receipt.index in self._used:
            raise ReceiptRefused(f"two tickets came with the receipt of one record, {receipt.index}")
        self._used.add(receipt.index)

    def _remember(self, known: Known | None, shown: Checkpoint, signers: tuple[VerifierKey, ...]) -> None:
        if known is None or known.origin != shown.head.origin:
            left = () if known is None else (*known.earlier, known.newest)
            self._memory.keep(Known(signers, shown, shown, self._witness.clock.now(), left))
            return
        check_same(known, shown)
        if shown.head.size < known.newest.head.size:
            self._late = shown
        elif self._witness.keys and known.keys != signers:
            self._memory.keep(replace(known, keys=signers, newest=shown))
        else:
            self._memory.keep_newest(shown)

    def _claimed(self) -> Known | None:
        """What is known, if a look is due that nobody has begun."""
        if not self._due():
            return None
        with self._memory.held():
            known = self._due()
            if known is not None:
                self._memory.keep(replace(known, looked_at=self._witness.clock.now()))
        return known

    def _due(self) -> Known | None:
        known = self._memory.known()
        return known if known and self._age(known) >= self._witness.look_every else None

    def _age(self, known: Known) -> timedelta:
        """A clock that was set back makes it due as well."""
        return abs(self._witness.clock.now() - known.looked_at)

    def _look(self, known: Known) -> None:
        try:
            for old in self._shown_before(known):
                check_beginning(old, known.newest, self._log)
        except TwoPasts as found:
            with self._memory.held():
                self._memory.keep_alarm(found.evidence)
            raise
        added = () if self._witness.keys else newcomers(known, self._log)
        with self._memory.held():
            now = self._memory.known()
            if now is not None and now.origin == known.origin:
                signers = now.newest.verify((*now.keys, *added))  # a key that was retired counts no more
                self._memory.keep(replace(now, proved=known.newest, keys=signers))

    def _shown_before(self, known: Known) -> Iterable[Checkpoint]:
        """What the newest tree must begin with, as far as it is at hand; each tree once."""
        before = None if self._before is None else self._before.newest
        return {c.head: c for c in (known.proved, before, self._late) if c is not None}.values()

    @contextmanager
    def _alarming(self) -> Iterator[None]:
        """Whatever is found to contradict itself in here stays known."""
        try:
            yield
        except TwoPasts as found:
            self._memory.keep_alarm(found.evidence)
            raise


class NoWitness:
    """Hands receipts over unverified: who keeps them can still have them verified against the log."""

    def asking(self, log: ShownLog) -> Self:  # noqa: ARG002 - Witness's signature
        """Nothing is remembered."""
        return self

    def take(self, receipt: Receipt, issuance: str) -> None:
        """Nothing is verified."""

    def end(self) -> None:
        """Nothing is looked at."""
