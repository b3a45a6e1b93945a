"""What a store asks of the database that holds it. All else is the same for every engine.

Each engine answers for three things: that what it says is committed is durable, that one process
at a time is between `begin` and the end of its transaction, so that the order of commits is the
order of the log, and that it notices when the place is no longer the one that was opened.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol, TypeVar

from sqlalchemy import Connection

from broker.ports.signing import LogSigner
from broker.store.place import Room

T = TypeVar("T")


class Opening(Protocol):
    """One opening of a store, until it is closed or opened `anew`."""

    errors: tuple[type[Exception], ...]
    """What the database says through SQLAlchemy or past it."""

    @property
    def writer(self) -> Connection:
        """The one connection that writes."""

    def told(self, error: Exception) -> str:
        """The database's own words for one of `errors`: never a statement's parameters."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection for this thread alone that cannot write.

        Each statement sees every commit before it. Raises `errors`.
        """

    def room(self) -> Room:
        """The room there is, where the place is still the one that was opened and takes writes.

        Raises LogUnavailable.
        """

    def check(self) -> None:
        """Whether a write would be taken now, where that cannot be seen from here; for who watches.

        Raises LogUnavailable.
        """

    def lost(self) -> bool:
        """Whether a connection ended between transactions, and the database must be opened `anew`.

        For who is about to begin one, and alone with the writer.
        """

    def alone(self) -> AbstractContextManager[None]:
        """Keep the others of this machine from writing, where the engine's own waiting is not fair.

        Raises LogUnavailable when it lasts too long.
        """

    def begin(self) -> None:
        """Begin a transaction on `writer`, which from here on is the only one. Raises `errors`."""

    def commit(self) -> None:
        """Make durable what `writer` did. After one of `errors` it is not known whether it is."""

    def roll_back(self) -> None:
        """Undo what `writer` did since `begin`. Raises `errors` where that is not certain."""

    def anew(self) -> "Opening":
        """Close this and open the very same place again, and no other. Raises LogUnavailable."""

    def close(self) -> None:
        """End every connection, those in use when they are given back."""


class Engine(Protocol):
    """One store in one database, whether it is open or not."""

    def make(self) -> None:
        """Make the place of the store if there is none. Raises LogUnavailable."""

    def check_made(self) -> None:
        """Raises LogUnavailable where no store was ever made."""

    def open(self, signer: LogSigner) -> Opening:
        """Open the store, and make its tables, and its log with `signer`'s keys, where it is empty.

        Raises LogUnavailable: not ours, of another schema version, open to others, damaged, or not
        to be written to; SecretUnavailable where a new log has no key.
        """

    def turn(self, name: str, within_s: float) -> AbstractContextManager[bool]:
        """One at a time, of all processes on this store, has the turn of that name; see `Database.turn`."""


class Looking(Protocol):
    """A store that can be looked at. Goes to another process by pickle."""

    errors: ClassVar[tuple[type[Exception], ...]]
    """What its database says through SQLAlchemy or past it."""

    def told(self, error: Exception) -> str:
        """The database's own words for one of `errors`."""

    def look(self) -> AbstractContextManager[Connection]:
        """A connection that only reads, at one moment, whatever state the store is in.

        Raises LogUnavailable.
        """
