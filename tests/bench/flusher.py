"""The bare side of a log: append so many bytes to a file and wait for `fdatasync`, one after the other.

Nobody who tells when a record is durable can do less; only putting several into one flush is faster.
"""

import os
from pathlib import Path

from tests.bench.loop import Loop
from tests.bench.orders import orders


def serve() -> None:
    """Serve the bench to its end."""
    told = orders()
    place = next(told)
    block = bytes(place["bytes"])
    with Path(place["file"]).open("ab", buffering=0) as file:

        def flush(_: None) -> None:
            file.write(block)
            os.fdatasync(file.fileno())

        for order in told:
            Loop(flush, [None], 1, order["seconds"]).serve()


if __name__ == "__main__":
    serve()
