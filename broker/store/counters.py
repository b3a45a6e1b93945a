"""Named numbers that only go up."""

from enum import StrEnum

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from broker.store.statements import Prepared
from broker.store.tables import counter


class Counter(StrEnum):
    """What is counted."""

    RELOAD = "reload"
    REOPENED = "reopened"
    ENTITLEMENTS = "entitlements"


_VALUE = Prepared(select(counter.c.value).where(counter.c.name == bindparam("counted")))
_START = insert(counter).values(name=bindparam("counted"), value=1)
_BUMP = _START.on_conflict_do_update(
    index_elements=[counter.c.name], set_={"value": counter.c.value + 1}
).returning(counter.c.value)


def bump(connection: Connection, name: Counter) -> int:
    """Add one, within the transaction that runs, and give the new value."""
    return int(connection.execute(_BUMP, {"counted": name.value}).scalar_one())


def value_of(connection: Connection, name: Counter) -> int:
    """The value now; 0 where it was never bumped."""
    found = _VALUE.run(connection, {"counted": name.value}).fetchone()
    return int(found[0]) if found else 0
