"""A loop: threads that do one thing after the other, as take a ticket or append a record."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Barrier
from time import perf_counter
from typing import Any, Generic, TypeVar

from tests.bench.orders import orders, ready, say

Vcenters = Sequence[Mapping[str, Any]]
Host = tuple[str, str, str]
"""vCenter, name and moid."""

Take = Callable[[Host], object]
"""Takes one ticket."""

T = TypeVar("T")

Taken = tuple[float, list[int]]
"""Seconds from a thread's first call to its last answer, and the microseconds that each took."""


class Loop(Generic[T]):
    """Threads that each do one thing after the other until the time is up, for `what` there is in turn."""

    def __init__(self, do: Callable[[T], object], what: Sequence[T], threads: int, seconds: float) -> None:
        self._do = do
        self._what = what
        self._threads = threads
        self._seconds = seconds
        self._warm = Barrier(threads + 1)
        self._start = Barrier(threads + 1)
        self._until = 0.0

    def serve(self) -> None:
        """Measure once, when the bench that started this process says so, and tell it."""
        with ThreadPoolExecutor(self._threads) as pool:
            running = self.warm(pool)
            ready()
            say(self.measure(running))

    def warm(self, pool: Executor) -> list[Future[Taken]]:
        """Start the threads; returns when each has done it once."""
        running = [pool.submit(self._run, number) for number in range(self._threads)]
        self._warm.wait()
        return running

    def measure(self, running: Sequence[Future[Taken]]) -> list[Taken]:
        """Let them go; gives what each thread took."""
        self._until = perf_counter() + self._seconds
        self._start.wait()
        return [each.result() for each in running]

    def _run(self, number: int) -> Taken:
        try:
            self._do(self._what[number % len(self._what)])
            self._warm.wait()
            self._start.wait()
        except BaseException:
            self._warm.abort()  # or the others would wait for this thread without end
            raise
        return self._timed(number)

    def _timed(self, turn: int) -> Taken:
        latencies = []
        start = asked_at = perf_counter()
        while asked_at < self._until:
            turn += self._threads
            self._do(self._what[turn % len(self._what)])
            answered_at = perf_counter()
            latencies.append(round((answered_at - asked_at) * 1e6))
            asked_at = answered_at
        return asked_at - start, latencies


def serve(client: Callable[[Vcenters, int], Take]) -> None:
    """Serve the bench to its end; `client` is made anew for each concurrency."""
    told = orders()
    vcenters = next(told)["vcenters"]
    clients: dict[int, Take] = {}
    for order in told:
        threads = order["concurrency"]
        if threads not in clients:
            clients[threads] = client(vcenters, threads)
        hosts = [(vcenter, name, moid) for vcenter, name, moid in order["hosts"]]
        Loop(clients[threads], hosts, threads, order["seconds"]).serve()
