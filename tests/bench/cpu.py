"""CPU and memory of process trees, read from /proc."""

import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.bench.measurement import Cpu

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def machine_cores() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree, children that ended and were waited for included."""
    return sum(sum(map(int, fields[11:15])) for pid in tree(root) if (fields := _stat(pid))) / _TICKS_PER_S


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, from the state on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


class Stopwatch:
    """Wall time and CPU seconds from now on, of processes given by their ids, each with its children."""

    def __init__(self, labs: Sequence[int], load: Sequence[int], broker: Sequence[int]) -> None:
        self._labs = labs
        self._load = load
        self._broker = broker
        self._before = self._used()
        self._start = perf_counter()

    def read(self) -> Cpu:
        """What was used until now."""
        seconds = perf_counter() - self._start
        used = [now - then for now, then in zip(self._used(), self._before, strict=True)]
        behind = len(self._labs) + len(self._load)
        return Cpu(
            seconds=seconds,
            cores=machine_cores(),
            labs=tuple(used[: len(self._labs)]),
            load=sum(used[len(self._labs) : behind]),
            broker=sum(used[behind:]),
        )

    def _used(self) -> list[float]:
        return [cpu_seconds(root) for root in (*self._labs, *self._load, *self._broker)]


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident (VmRSS) and proportional (PSS) memory of one process, in millions of bytes."""
    return _megabytes(Path(f"/proc/{pid}/status"), "VmRSS:"), _megabytes(
        Path(f"/proc/{pid}/smaps_rollup"), "Pss:"
    )


def _megabytes(file: Path, name: str) -> float:
    for line in file.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / 1e6
    raise LookupError(f"{file} tells no {name}")
