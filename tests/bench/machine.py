"""The machine that a run was made on, as far as the figures depend on it."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.bench.cpu import machine_cores

_WRITES = 100
_BLOCK = bytes(4096)


@dataclass(frozen=True, slots=True)
class Machine:
    """`durable_write_ms` is what a ticket waits for twice: for its intent and its outcome."""

    cores: int
    python: str
    durable_write_ms: float

    def told(self) -> str:
        """In words."""
        return (
            f"{self.cores} cores, Python {self.python}, "
            f"a durable write of {len(_BLOCK)} bytes takes {self.durable_write_ms:.2f} ms"
        )


def this_machine(folder: Path) -> Machine:
    """With the disk that the folder is on."""
    return Machine(machine_cores(), platform.python_version(), 1000 * _durable_write_s(folder / "written"))


def _durable_write_s(file: Path) -> float:
    taken = []
    with file.open("wb", buffering=0) as written:
        for _ in range(_WRITES):
            start = perf_counter()
            written.write(_BLOCK)
            os.fdatasync(written.fileno())
            taken.append(perf_counter() - start)
    return median(taken)
