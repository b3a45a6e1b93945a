"""Named numbers: counts that only go up, and a time."""

from enum import StrEnum

from sqlalchemy import Connection, bindparam, insert, select, update

from broker.store.statements import Prepared
from broker.store.tables import counter
from broker.store.upserts import put


class Counter(StrEnum):
    """What is counted."""

    RELOAD = "reload"
    REOPENED = "reopened"
    ENTITLEMENTS = "entitlements"
    CHECKPOINT_LEFT = "checkpoint_left"
    """When the last one left, in milliseconds since 1970."""


_VALUE = Prepared(select(counter.c.value).where(counter.c.name == bindparam("counted")))
_BUMP = (
    update(counter)
    .where(counter.c.name == bindparam("counted"))
    .values(value=counter.c.value + 1)
    .returning(counter.c.value)
)


def bump(connection: Connection, name: Counter) -> int:
    """Add one, within the transaction that runs, and give the new value."""
    found = connection.execute(_BUMP, {"counted": name.value}).scalar()
    if found is None:
        connection.execute(insert(counter).values(name=name.value, value=1))
    return int(found or 1)


def set_to(connection: Connection, name: Counter, value: int) -> None:
    """Set it, within the transaction that runs."""
    put(connection, counter, {"name": name.value, "value": value})


def value_of(connection: Connection, name: Counter) -> int:
    """The value now; 0 where there never was one."""
    found = _VALUE.run(connection, {"counted": name.value}).fetchone()
    return int(found[0]) if found else 0
