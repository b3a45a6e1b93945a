"""Opening an epoch: what an operator does where the log cannot go on as the one that it was."""

from collections.abc import Collection
from dataclasses import dataclass

from broker.audit.custody.high_water import marked_in
from broker.audit.custody.mark import MarkFile
from broker.audit.custody.origins import base_of, epoch_of, of_epoch
from broker.audit.keys import LogKeys, make_key
from broker.errors import LogUnavailable
from broker.model.record import Event, JsonValue, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.signers import begin_epoch
from broker.store.transaction import Transaction
from broker.store.tree import read_head
from broker.tlog.note import VerifierKey

_TURN_S = 5.0


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch that was opened, with the key that signs it."""

    number: int
    key: VerifierKey


def open_epoch(database: Database, keys: LogKeys, mark: MarkFile, why: str, by: str) -> Epoch:
    """Let the log go on under a new name and key, from its last record on, and have the mark follow it.

    The record of it holds what the store ended with and what the mark stood at. Raises LogUnavailable,
    SecretUnavailable, FileRefused.
    """
    with database.turn("high-water", _TURN_S) as mine:
        if not mine:
            raise LogUnavailable("another process moves the high-water mark; try again")
        return _open(database, keys, mark, why, by)


def _open(database: Database, keys: LogKeys, mark: MarkFile, why: str, by: str) -> Epoch:
    head, note = database.look(), mark.read()
    known = {head.origin, *(key.name for key in keys.all())}
    if note is not None:
        known.add(marked_in(mark, note, head).head.origin)
    newest = _newest(known, base_of(head.origin))
    number = newest + 1
    key = make_key(keys.directory, of_epoch(head.origin, number))

    def work(transaction: Transaction) -> None:
        last = read_head(transaction.connection)
        fields: dict[str, JsonValue] = {
            "epoch": number,
            "origin": key.name,
            "previous_origin": last.origin,
            "key_id": key.id,
            "vkey": str(key),
            "size": last.frontier.size,
            "checkpoint": last.checkpoint.splitlines(),
            "why": why,
            "by": by,
        }
        if note is not None:
            fields["mark"] = note.splitlines()
        transaction.append([Record(Event.EPOCH_OPENED, fields)])
        begin_epoch(transaction, key, number)

    mark.keep(newest)
    database.write(Reserve.NONE, work)
    mark.write(database.look().checkpoint)
    return Epoch(number, key)


def _newest(origins: Collection[str], base: str) -> int:
    """The highest epoch that there ever was, as far as it left a trace: the store may be older."""
    return max(epoch_of(origin) for origin in origins if base_of(origin) == base)
