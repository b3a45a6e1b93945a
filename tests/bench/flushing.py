"""The bare `fdatasync` loop, as a side that parts about the log are held against."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.child import Child, running_child
from tests.bench.cpu import Stopwatch
from tests.bench.log_records import outcome_bytes
from tests.bench.measurement import Answers, Measurement


class FlushSide:
    """The running `tests.bench.flusher`."""

    def __init__(self, child: Child, file: Path) -> None:
        self._child = child
        child.send({"file": str(file), "bytes": outcome_bytes()})

    def measure(self, seconds: float) -> Measurement:
        """One write and flush after the other."""
        self._child.send({"seconds": seconds})
        self._child.answer()
        watch = Stopwatch(labs=[], load=[self._child.pid], broker=[])
        self._child.send("go")
        loops = self._child.answer()
        return Measurement("fdatasync", 1, Answers.of_loops(loops, failed=0), watch.read())


@contextmanager
def flushing(file: Path) -> Iterator[FlushSide]:
    """Writes to this file, on the disk that the log is to be on; it ends with the block."""
    with running_child("tests.bench.flusher") as child:
        yield FlushSide(child, file)
