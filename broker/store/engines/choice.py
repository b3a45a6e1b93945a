"""Which engine a store is in, as it is written where the store lies."""

from pathlib import Path

from broker.store.engines.engine import Engine
from broker.store.engines.sqlite.engine import SqliteEngine
from broker.store.engines.sqlite.place import place_at


def engine_at(where: Path, disk_reserve_mib: int) -> Engine:
    """The engine of the store that lies there, not open yet."""
    return SqliteEngine(place_at(where, disk_reserve_mib))
