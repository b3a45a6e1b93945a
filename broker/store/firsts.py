"""What intents named for the first time, kept beside the log so that a report need not read them all."""

from dataclasses import dataclass

from sqlalchemy import Connection, Dialect, Insert, Table

from broker.store.statements import Prepared
from broker.store.tables import named_host, used_template
from broker.store.upserts import insert_of


@dataclass(frozen=True, slots=True)
class Use:
    """What an intent names: a host as (vCenter, instance uuid, moid, name), and (app, template, revision)."""

    host: tuple[str, str, str, str]
    template: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _FirstRow:
    """A row a key, the first of which stays."""

    columns: tuple[str, ...]
    insert: Prepared

    def put(self, connection: Connection, key: tuple[str, ...], seq: int) -> None:
        self.insert.run(connection, {**dict(zip(self.columns, key, strict=True)), "seq": seq})


def _first_row(table: Table) -> _FirstRow:
    def insert(dialect: Dialect) -> Insert:
        return insert_of(dialect, table).on_conflict_do_nothing()

    return _FirstRow(tuple(column.name for column in table.primary_key.columns), Prepared(insert))


_HOST = _first_row(named_host)
_TEMPLATE = _first_row(used_template)


class FirstUses:
    """Notes the first intent of each; costs nothing where this process knows that it stands. Thread-safe.

    What it remembers is bounded by the inventory and the policies of a process's life.
    """

    def __init__(self) -> None:
        self._standing: set[tuple[str, ...]] = set()

    def note(self, connection: Connection, use: Use, seq: int) -> None:
        """Note what the intent at position `seq` names, unless an earlier one did."""
        if use.host not in self._standing:
            _HOST.put(connection, use.host, seq)
        if use.template not in self._standing:
            _TEMPLATE.put(connection, use.template, seq)

    def stands(self, use: Use) -> None:
        """What was noted is durable."""
        self._standing.update((use.host, use.template))
