"""(j) Records that a log takes in a second, beside a bare `fdatasync` loop on the same disk.

Each record waits until it is durable, in a log of its own for each number of writers, signed with a key from
a file. The longest wait is that of any thread in any round: more than a second would be starvation.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.bench.child import Child, running_child
from tests.bench.cpu import Stopwatch
from tests.bench.figures import Figure, Sample, rates, samples, side_by_side
from tests.bench.flushing import FlushSide, flushing
from tests.bench.measurement import Answers, Measurement
from tests.bench.plan import Plan
from tests.support.log_keys import LOG_KEYS


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
    """Processes that have one log open."""

    children: tuple[Child, ...]
    writers: Writers

    def measure(self, seconds: float) -> Measurement:
        """Each thread appends one record after the other."""
        for child in self.children:
            child.send({"concurrency": self.writers.threads, "seconds": seconds})
        for child in self.children:
            child.answer()
        watch = Stopwatch(labs=[], load=[], broker=[child.pid for child in self.children])
        for child in self.children:
            child.send("go")
        loops = [loop for child in self.children for loop in child.answer()]
        concurrency = self.writers.processes * self.writers.threads
        return Measurement("log", concurrency, Answers.of_loops(loops, failed=0), watch.read())


def figures(plan: Plan) -> list[Figure]:
    """The rate of each number of writers, of the loop's; then the longest wait of all."""
    root = plan.root / "log"
    root.mkdir(mode=0o700)
    LOG_KEYS.write(root / "keys")
    with flushing(root / "flushed") as loop:
        measured = {writers: _measured(plan, root, loop, writers) for writers in WRITERS}
    told = [_ratio(writers, rounds) for writers, rounds in measured.items()]
    return [*told, _longest([log for rounds in measured.values() for _, log in rounds])]


def _measured(plan: Plan, root: Path, loop: FlushSide, writers: Writers) -> list[tuple[Measurement, ...]]:
    plan.say(f"(j) {writers.told()} threads append")
    with _appending(root, writers) as log:
        return side_by_side(
            plan.rounds, lambda: loop.measure(plan.seconds), lambda: log.measure(plan.seconds)
        )


@contextmanager
def _appending(root: Path, writers: Writers) -> Iterator[LogSide]:
    with ExitStack() as stack:
        children = tuple(
            stack.enter_context(running_child("tests.bench.appender")) for _ in range(writers.processes)
        )
        for child in children:
            child.send({"store": str(root / f"{writers.told()}.db"), "keys": str(root / "keys")})
        yield LogSide(children, writers)


def _ratio(writers: Writers, rounds: Sequence[tuple[Measurement, ...]]) -> Figure:
    name = f"records/s of {writers.told()} threads, of the fdatasync loop's"
    return Figure(f"j.{writers.told()}", name, "", "", samples(rounds, lambda loop, log: rates(log, loop)))


def _longest(logs: Sequence[Measurement]) -> Figure:
    longest = max(each.answers.latency.longest for each in logs)
    return Figure("j.longest", "longest wait of any thread", "ms", "", (Sample(longest),))
