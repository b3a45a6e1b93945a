"""Who signs the log: changed with the record that says so, whose own head they sign already."""

from sqlalchemy import bindparam, insert, update

from broker.store.tables import head, log_key
from broker.store.transaction import Transaction
from broker.store.tree import read_head
from broker.tlog.note import VerifierKey

_RETIRED = (
    update(log_key)
    .where(log_key.c.until_size.is_(None), log_key.c.key_id == bindparam("retired"))
    .values(until_size=bindparam("until"))
)


def add_signer(transaction: Transaction, key: VerifierKey) -> None:
    """From the head of this transaction on, the key signs beside those that do. Call it after the record."""
    signers = read_head(transaction.connection).signers
    _put_in_force(transaction, key)
    _let_sign(transaction, (*signers, key.id))


def retire_signers(transaction: Transaction, key_ids: tuple[str, ...]) -> None:
    """These keys sign no more, nor the head of this transaction. Call it after the record."""
    signers = read_head(transaction.connection).signers
    _end(transaction, key_ids)
    _let_sign(transaction, tuple(key_id for key_id in signers if key_id not in key_ids))


def begin_epoch(transaction: Transaction, key: VerifierKey, epoch: int) -> None:
    """From the head of this transaction on, the log has the key's name and it alone signs.

    Call it after the record.
    """
    _end(transaction, read_head(transaction.connection).signers)
    _put_in_force(transaction, key)
    transaction.connection.execute(update(head).values(origin=key.name, epoch=epoch))
    _let_sign(transaction, (key.id,))


def _put_in_force(transaction: Transaction, key: VerifierKey) -> None:
    transaction.connection.execute(
        insert(log_key).values(
            key_id=key.id, origin=key.name, vkey=str(key), from_size=transaction.size, until_size=None
        )
    )


def _end(transaction: Transaction, key_ids: tuple[str, ...]) -> None:
    """The head before this transaction's last record is the last that they may have signed."""
    for key_id in key_ids:
        transaction.connection.execute(_RETIRED, {"retired": key_id, "until": transaction.size - 1})


def _let_sign(transaction: Transaction, key_ids: tuple[str, ...]) -> None:
    transaction.connection.execute(update(head).values(signers=" ".join(key_ids)))
    transaction.resigned()
