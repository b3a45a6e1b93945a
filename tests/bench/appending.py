"""(j), (l) Records that a log takes in a second, beside a bare `fdatasync` loop on the same disk.

In SQLite, and in PostgreSQL where its programs are installed, with a server of the bench's own and without a
standby. Each record waits until it is durable, in a log of its own for each number of writers, signed with a
key from a file. The longest wait is that of any thread in any round: more than a second would be starvation.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from broker.model.stores import StoreLocation
from tests.bench.child import Child, running_child
from tests.bench.cpu import Stopwatch
from tests.bench.figures import Figure, Sample, rates, samples, side_by_side
from tests.bench.flushing import FlushSide, flushing
from tests.bench.measurement import Answers, Measurement
from tests.bench.plan import Plan
from tests.support.log_keys import LOG_KEYS
from tests.support.places import packed
from tests.support.postgres_server import running_server
from tests.support.tools import find_tool, how_to_get

ON_DISK = Path("/var/tmp")
"""A server's user cannot reach the bench's own folder; this one is no memory either."""


class Writers(NamedTuple):
    """How many processes append, and how many threads of each."""

    processes: int
    threads: int

    def told(self) -> str:
        """In words."""
        return str(self.threads) if self.processes == 1 else f"{self.processes}x{self.threads}"


WRITERS = (Writers(1, 1), Writers(1, 16), Writers(1, 64), Writers(4, 16))


@dataclass(frozen=True, slots=True)
class LogSide:
    """Processes that have one log open; `server` is the one that keeps it for them, if any does."""

    children: tuple[Child, ...]
    writers: Writers
    server: tuple[int, ...]

    def measure(self, seconds: float) -> Measurement:
        """Each thread appends one record after the other."""
        for child in self.children:
            child.send({"concurrency": self.writers.threads, "seconds": seconds})
        for child in self.children:
            child.answer()
        watch = Stopwatch(labs=[], load=[], broker=[*(child.pid for child in self.children), *self.server])
        for child in self.children:
            child.send("go")
        loops = [loop for child in self.children for loop in child.answer()]
        concurrency = self.writers.processes * self.writers.threads
        return Measurement("log", concurrency, Answers.of_loops(loops, failed=0), watch.read())


@dataclass(frozen=True, slots=True)
class _Disk:
    """Where logs are made, and the loop that runs beside them."""

    part: str
    engine: str
    loop: FlushSide
    keys: Path
    new_store: Callable[[], StoreLocation]
    server: tuple[int, ...] = ()

    def figures(self, plan: Plan) -> list[Figure]:
        """The rate of each number of writers, of the loop's; then the longest wait of all."""
        measured = {writers: self._measured(plan, writers) for writers in WRITERS}
        told = [self._ratio(writers, rounds) for writers, rounds in measured.items()]
        return [*told, self._longest([log for rounds in measured.values() for _, log in rounds])]

    def _measured(self, plan: Plan, writers: Writers) -> list[tuple[Measurement, ...]]:
        plan.say(f"({self.part}) {writers.told()} threads append, {self.engine}")
        with self._appending(writers) as log:
            return side_by_side(
                plan.rounds, lambda: self.loop.measure(plan.seconds), lambda: log.measure(plan.seconds)
            )

    @contextmanager
    def _appending(self, writers: Writers) -> Iterator[LogSide]:
        store = packed(self.new_store())
        with ExitStack() as stack:
            children = tuple(
                stack.enter_context(running_child("tests.bench.appender")) for _ in range(writers.processes)
            )
            for child in children:
                child.send({"store": store, "keys": str(self.keys)})
            yield LogSide(children, writers, self.server)

    def _ratio(self, writers: Writers, rounds: Sequence[tuple[Measurement, ...]]) -> Figure:
        name = f"records/s of {writers.told()} threads, of the fdatasync loop's"
        values = samples(rounds, lambda loop, log: rates(log, loop))
        return Figure(f"{self.part}.{writers.told()}", name, "", self.engine, values)

    def _longest(self, logs: Sequence[Measurement]) -> Figure:
        longest = Sample(max(each.answers.latency.longest for each in logs))
        return Figure(f"{self.part}.longest", "longest wait of any thread", "ms", self.engine, (longest,))


def figures(plan: Plan) -> list[Figure]:
    """In SQLite."""
    root, names = plan.root / "log", iter(range(len(WRITERS)))
    root.mkdir(mode=0o700)
    LOG_KEYS.write(root / "keys")
    with flushing(root / "flushed") as loop:
        return _Disk("j", "SQLite", loop, root / "keys", lambda: root / f"{next(names)}.db").figures(plan)


def on_postgresql(plan: Plan) -> list[Figure]:
    """In PostgreSQL; none where it is not installed."""
    if find_tool("postgres", os.environ) is None:
        plan.say(f"(l) is left out: PostgreSQL is not installed: {how_to_get('postgres')}")
        return []
    keys = plan.root / "keys-of-postgresql"
    LOG_KEYS.write(keys)
    with running_server(ON_DISK) as server, flushing(server.folder / "flushed") as loop:
        return _Disk("l", "PostgreSQL", loop, keys, server.new_store, (server.pid,)).figures(plan)
