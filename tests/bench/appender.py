"""One of the processes that append to a log, with the outcome of a ticket as the record."""

from pathlib import Path

from broker.audit.keys import LogKeys
from broker.clock import SystemClock
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from tests.bench.log_records import outcome
from tests.bench.loop import Loop
from tests.bench.orders import orders
from tests.support.places import unpacked


def serve() -> None:
    """Serve the bench to its end."""
    told = orders()
    place = next(told)
    database = Database.open(unpacked(place["store"]), SystemClock(), LogKeys(Path(place["keys"])))
    log, record = StoredLog(database), outcome()
    for order in told:
        threads, seconds = order["concurrency"], order["seconds"]
        Loop(lambda _: log.append([record], Reserve.NONE), [None], threads, seconds).serve()
    database.close()


if __name__ == "__main__":
    serve()
