"""A new key for the log: both sign for a while, so that who checks it can learn the new one from the old."""

from dataclasses import dataclass

from broker.audit.custody.origins import epoch_of
from broker.audit.keys import LogKeys, make_key
from broker.errors import BrokerError
from broker.model.record import Event, JsonValue, Record
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.published import PublishedKey, PublishedTree
from broker.store.signers import add_signer, retire_signers
from broker.store.transaction import Transaction
from broker.tlog.note import VerifierKey


class KeysRefused(BrokerError):
    """The log's keys cannot be changed so; says what to do instead."""


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """A key of the log: the tree sizes whose heads it signs, whether it signs now, whether it is here."""

    key: PublishedKey
    epoch: int
    signs: bool
    here: bool


class Rotation:
    """Changes of the keys that sign one log, each on record. All raise LogUnavailable, SecretUnavailable."""

    def __init__(self, database: Database, keys: LogKeys, by: str) -> None:
        self._database = database
        self._keys = keys
        self._by = by

    def standings(self) -> tuple[KeyStanding, ...]:
        """All keys that the log ever had, the oldest first."""
        published = PublishedTree(self._database).public_keys()
        signers = self._database.look().signers
        here = self._keys.held([key.key_id for key in published])
        return tuple(
            KeyStanding(key, epoch_of(key.origin), key.key_id in signers, key.key_id in here)
            for key in published
        )

    def begin(self) -> VerifierKey:
        """Let a new key sign beside the present one, which signs the record of that.

        Raises KeysRefused while another rotation runs, and where the present key is not here.
        """
        head = self._database.look()
        if len(head.signers) > 1:
            raise KeysRefused(
                f"a rotation runs, {' and '.join(head.signers)} sign: end it with: "
                "broker audit keys rotate --finish"
            )
        self._demand_here(head.signers[-1])
        key = fresh_key(self._database, self._keys, head.origin)

        def work(transaction: Transaction) -> None:
            fields: dict[str, JsonValue] = {
                "key_id": key.id,
                "vkey": str(key),
                "from_size": transaction.size + 1,
                "by": self._by,
            }
            transaction.append([Record(Event.LOG_KEY_ADDED, fields)])
            add_signer(transaction, key)

        self._database.write(Reserve.NONE, work)
        return key

    def finish(self) -> tuple[str, ...]:
        """Let the newest key sign alone; the ids of those that do no more.

        Raises KeysRefused where no rotation runs, and where the newest key is not here.
        """
        *old, new = self._database.look().signers
        if not old:
            raise KeysRefused(
                f"no rotation runs, {new} signs alone: begin one with: broker audit keys rotate"
            )
        self._demand_here(new)
        retired = tuple(old)

        def work(transaction: Transaction) -> None:
            until = transaction.size + len(retired) - 1
            transaction.append(
                [
                    Record(Event.LOG_KEY_RETIRED, {"key_id": key_id, "until_size": until, "by": self._by})
                    for key_id in retired
                ]
            )
            retire_signers(transaction, retired)

        self._database.write(Reserve.NONE, work)
        return retired

    def _demand_here(self, key_id: str) -> None:
        if not self._keys.held([key_id]):
            raise KeysRefused(
                f"the key {key_id}, which signs the log, is not in {self._keys.directory}: work where it is; "
                "if it is lost, run: broker audit epoch open"
            )


def fresh_key(database: Database, keys: LogKeys, origin: str) -> VerifierKey:
    """A key of that name which signed nothing yet: one that lies there already, else a new one.

    So what ended in the middle can be done again. Raises KeysRefused where several lie there.
    """
    known = {key.key_id for key in PublishedTree(database).public_keys()}
    unused = [key for key in keys.all() if key.name == origin and key.id not in known]
    if len(unused) > 1:
        ids = ", ".join(key.id for key in unused)
        raise KeysRefused(f"{keys.directory} has several keys that never signed, {ids}: leave one there")
    key = unused[0] if unused else make_key(keys.directory, origin)
    keys.changed()
    return key
