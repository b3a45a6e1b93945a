"""A disk that fails as a test tells it: a library that is preloaded into the process which writes.

The kernel's own faults cannot be had without a disk that is broken; what a program sees of them can.
"""

import errno
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.tools import require_tool

SOURCE = Path(__file__).with_suffix(".c")
WAL, DATABASE = "-wal", ".db"

Call = Literal["write", "flush"]
When = Literal["before", "torn", "after"]

KILL = 0
"""In place of an error."""


@dataclass(frozen=True, slots=True)
class FaultyDisk:
    """The library, and the file that its orders stand in."""

    library: Path
    order: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that is to meet this disk."""
        return {"LD_PRELOAD": str(self.library), "FAULTY_DISK": str(self.order)}

    def strike(self, call: Call, when: When, error: int = errno.EIO, nth: int = 1, file: str = WAL) -> None:
        """Strike once, at the `nth` call of this kind that a process makes from now on."""
        order(self.order, call, when, error, nth, file)

    def break_down(self, call: Call, error: int = errno.EIO, file: str = WAL) -> None:
        """Strike at each call, until it is healed."""
        order(self.order, call, "before", error, 0, file)

    def heal(self) -> None:
        """Take back what was ordered."""
        self.order.unlink(missing_ok=True)

    @property
    def struck(self) -> bool:
        """Whether what was ordered once has come to pass."""
        return not self.order.exists()


def order(place: Path, call: Call, when: When, error: int, nth: int, file: str) -> None:
    """Write an order, all at once; `nth` 0 means each call."""
    part = place.with_suffix(".part")
    part.write_text(f"{call} {file} {nth} {when} {error}")
    part.rename(place)


def faulty_disk(folder: Path) -> FaultyDisk:
    """Compile the library into a folder. Skips the test where there is no compiler."""
    library = folder / "faulty_disk.so"
    strict = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror")
    subprocess.run([require_tool("cc"), *strict, "-o", library, SOURCE, "-ldl"], check=True)
    return FaultyDisk(library, folder / "order")
