"""What the store holds of an app: hashes of its secrets, a switch, and a generation that revokes tokens."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broker.errors import Reason, Refused
from broker.model.names import AppId
from broker.model.record import Event, JsonValue, Record
from broker.ports.access import AppCredential
from broker.store.database import Database
from broker.store.place import Reserve
from broker.store.statements import Prepared
from broker.store.tables import credential, credential_secret
from broker.store.times import iso, ms
from broker.store.transaction import Transaction

_EVERY = (
    select(
        credential.c.app,
        credential.c.disabled,
        credential.c.generation,
        credential_secret.c.hash,
        credential_secret.c.until,
    )
    .select_from(credential.outerjoin(credential_secret, credential_secret.c.app == credential.c.app))
    .order_by(credential.c.app, credential_secret.c.until.is_not(None), credential_secret.c.hash)
)
_WANTED = Prepared(_EVERY.where(credential.c.app == bindparam("which")))
"""One statement, so that the switch, the generation and the hashes are of one moment."""


@dataclass(frozen=True, slots=True)
class CredentialRows:
    """The rows of one app, one a secret, in the columns of `_EVERY`."""

    rows: tuple[tuple[Any, ...], ...]

    def at(self, now: int) -> AppCredential:
        """What holds of them at this millisecond."""
        app, disabled, generation = self.rows[0][:3]
        live = tuple(
            hashed for *_, hashed, until in self.rows if hashed is not None and (until is None or now < until)
        )
        return AppCredential(AppId(app), bool(disabled), generation, live)


class StoredCredentials:
    """Credentials of apps. Each change is one transaction with its record, which names the operator `by`.

    Every method raises LogUnavailable. `rotate`, `disable` and `enable` raise Refused(NOT_FOUND)
    for an app that was never added.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def credential(self, app: AppId) -> AppCredential | None:
        """What holds now, hashes in their overlap included; None where the app was never added."""
        rows = self._database.read(lambda c: _WANTED.run(c, {"which": app}).fetchall())
        return CredentialRows(tuple(rows)).at(ms(self._database.clock.now())) if rows else None

    def all(self) -> tuple[AppCredential, ...]:
        """Every app that was ever added, in the order of their ids."""
        now = ms(self._database.clock.now())
        return tuple(rows.at(now) for rows in self.rows().values())

    def rows(self) -> Mapping[AppId, "CredentialRows"]:
        """The rows of every app that was ever added, in the order of their ids."""
        rows = self._database.read(lambda c: c.execute(_EVERY).all())
        by_app = itertools.groupby(map(tuple, rows), key=itemgetter(0))
        return {AppId(app): CredentialRows(tuple(of_app)) for app, of_app in by_app}

    def add(self, app: AppId, secret_hash: bytes | None, by: str) -> None:
        """Begin with generation 1; no hash where the app has keys only.

        Raises Refused(INVALID_REQUEST) for an app that was added before.
        """

        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            if _generation(connection, app) is not None:
                raise Refused(Reason.INVALID_REQUEST, f"app {app} was added before: rotate or enable it")
            connection.execute(insert(credential).values(app=app, disabled=0, generation=1))
            _keep(connection, app, secret_hash)
            transaction.append([_record(Event.APP_ADDED, app, 1, by)])

        self._database.write(Reserve.NONE, work)

    def rotate(
        self, app: AppId, secret_hash: bytes | None, by: str, keep_old_until: datetime | None = None
    ) -> int:
        """Revoke every access token, and take a new secret where one is given: the new generation.

        The secret before a new one is good until `keep_old_until`, or cut at once. Without a new
        one every secret stays as it is: revoking tokens locks nobody out.
        """

        def work(transaction: Transaction) -> int:
            connection = transaction.connection
            generation = _bump(connection, app)
            if secret_hash is not None:
                _retire(connection, app, keep_old_until)
                _keep(connection, app, secret_hash)
            said: dict[str, JsonValue] = {"new_secret": secret_hash is not None}
            if secret_hash is not None and keep_old_until is not None:
                said["old_secret_until"] = iso(ms(keep_old_until))
            transaction.append([_record(Event.APP_ROTATED, app, generation, by, said)])
            return generation

        return self._database.write(Reserve.NONE, work)

    def disable(self, app: AppId, by: str) -> None:
        """Cut the app, and every access token that it holds, at once."""
        self._switch(app, Event.APP_DISABLED, by)

    def enable(self, app: AppId, by: str) -> None:
        """Let the app authenticate again; tokens from before stay revoked."""
        self._switch(app, Event.APP_ENABLED, by)

    def _switch(self, app: AppId, event: Event, by: str) -> None:
        def work(transaction: Transaction) -> None:
            connection = transaction.connection
            generation = _bump(connection, app)
            disabled = int(event is Event.APP_DISABLED)
            connection.execute(update(credential).where(credential.c.app == app).values(disabled=disabled))
            transaction.append([_record(event, app, generation, by)])

        self._database.write(Reserve.NONE, work)


def _generation(connection: Connection, app: AppId) -> int | None:
    found = connection.execute(select(credential.c.generation).where(credential.c.app == app)).scalar()
    return None if found is None else int(found)


def _bump(connection: Connection, app: AppId) -> int:
    generation = _generation(connection, app)
    if generation is None:
        raise Refused(Reason.NOT_FOUND, f"app {app} was never added: run `broker apps add`")
    connection.execute(update(credential).where(credential.c.app == app).values(generation=generation + 1))
    return generation + 1


def _retire(connection: Connection, app: AppId, keep_until: datetime | None) -> None:
    """Drop the app's secrets, but for the present one where it shall overlap."""
    mine = credential_secret.c.app == app
    if keep_until is None:
        connection.execute(delete(credential_secret).where(mine))
        return
    connection.execute(delete(credential_secret).where(mine, credential_secret.c.until.is_not(None)))
    connection.execute(update(credential_secret).where(mine).values(until=ms(keep_until)))


def _keep(connection: Connection, app: AppId, secret_hash: bytes | None) -> None:
    if secret_hash is not None:
        connection.execute(insert(credential_secret).values(app=app, hash=secret_hash, until=None))


def _record(
    event: Event, app: AppId, generation: int, by: str, more: Mapping[str, JsonValue] = MappingProxyType({})
) -> Record:
    return Record(event, {"app": app, "generation": generation, "by": by, **more})
