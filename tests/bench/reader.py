"""A reader of batches: asks for one after the other and reads each line as it comes.

Given the broker's port and CA, then orders with an access token. TLS is verified.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPSConnection
from itertools import cycle
from time import perf_counter
from typing import Any

from tests.bench.orders import orders, ready, say

TIMEOUT_S = 60
OK = 200


class Reader:
    """One connection to the broker."""

    def __init__(self, port: int, ca_file: str) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        self._connection = HTTPSConnection("localhost", port, timeout=TIMEOUT_S, context=context)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def read(self, token: str, batch: Mapping[str, Any]) -> tuple[int, int]:
        """Tickets, and hosts without one. Raises RuntimeError for an answer that is no batch's."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        self._connection.request("POST", "/v1/tickets:batch", body=json.dumps(batch), headers=headers)
        with self._connection.getresponse() as answer:
            if answer.status != OK:
                raise RuntimeError(f"a batch was answered with status {answer.status}")
            lines = [json.loads(line) for line in answer]
        if "summary" not in lines.pop():
            raise RuntimeError("the answer to a batch was cut")
        tickets = sum("ticket" in line for line in lines)
        return tickets, len(lines) - tickets


def measured(
    reader: Reader, token: str, batches: Iterator[Mapping[str, Any]], seconds: float
) -> dict[str, Any]:
    """Batches until the time is up: what they brought, the time in all, and each one's microseconds."""
    start = asked_at = perf_counter()
    told: list[tuple[int, int]] = []
    taken = []
    while asked_at < start + seconds:
        told.append(reader.read(token, next(batches)))
        read_at = perf_counter()
        taken.append(round((read_at - asked_at) * 1e6))
        asked_at = read_at
    tickets, failed = (sum(counts) for counts in zip(*told, strict=True))
    return {"tickets": tickets, "failed": failed, "seconds": asked_at - start, "batches": taken}


def serve() -> None:
    """Serve the bench to its end; the first batch of each order is not counted."""
    told = orders()
    place = next(told)
    reader = Reader(place["port"], place["ca_file"])
    for order in told:
        batches = cycle(order["batches"])
        reader.read(order["token"], next(batches))
        ready()
        say(measured(reader, order["token"], batches, order["seconds"]))


if __name__ == "__main__":
    serve()
