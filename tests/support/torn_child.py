"""Issuances on a disk that fails amid their commits: `python -m tests.support.torn_child FOLDER STRIKE...`.

The library of `faulty_disk` is preloaded. For each way to strike, and for the first call of the
commit, the second and so on, it forks a child on a store of its own, "FOLDER/STRIKE NTH.db", until
one finds nothing left to strike. Who is killed leaves its files as they were; who recovers does so
without a restart and issues a ticket.
"""

import errno
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from broker.clock import SystemClock
from broker.errors import LogUnavailable
from tests.support.faulty_disk import KILL, WAL, Call, When, order
from tests.support.log_steps import Write, fill, ready
from tests.support.records import open_book

UNSTRUCK, HEALED = 40, 41
"""Exit codes of a child."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A way for a disk to fail at one call amid a write's commit, and what the process does about it."""

    write: Write
    call: Call
    when: When
    error: int
    """KILL where the process is killed at that very call."""
    recovers: bool
    """Else it is killed once it has met the error."""

    def __str__(self) -> str:
        end = "" if not self.error else " recovers" if self.recovers else " killed"
        return f"{self.write} {self.call} {self.when} {errno.errorcode.get(self.error, 'KILL')}{end}"


_MOMENTS: tuple[tuple[Call, When], ...] = (
    ("write", "before"),
    ("write", "torn"),
    ("write", "after"),
    ("flush", "before"),
    ("flush", "after"),
)
_ENDS = ((KILL, False), (errno.EIO, False), (errno.EIO, True), (errno.ENOSPC, True))
STRIKES = tuple(Strike(write, *moment, *end) for write in Write for moment in _MOMENTS for end in _ENDS)


def _struck(strike: Strike, nth: int, store: Path) -> int:
    """Meet the disk's fault; the exit code of a process that outlived it."""
    place = Path(os.environ["FAULTY_DISK"])
    book = open_book(store, SystemClock())
    do = ready(book, strike.write)
    order(place, strike.call, strike.when, strike.error, nth, WAL)
    try:
        do()
    except LogUnavailable:
        if not strike.recovers:
            os.kill(os.getpid(), signal.SIGKILL)
        book.database.reopen()
        book.issue()
        book.database.close()
        return HEALED
    place.unlink()
    return UNSTRUCK


def _meet(strike: Strike, folder: Path, nth: int) -> bool:
    """Whether there was a call of that number."""
    store = folder / f"{strike} {nth}.db"
    shutil.copy(folder / f"{strike.write}.db", store)
    child = os.fork()
    if child == 0:
        os._exit(_struck(strike, nth, store))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == UNSTRUCK:
        store.unlink()
        return False
    if code != (HEALED if strike.recovers else -signal.SIGKILL):
        sys.exit(f"{store.stem}: the child ended with {code}")
    return True


def main() -> None:
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    for write in Write:
        fill(folder / f"{write}.db", SystemClock(), write)
    for strike in STRIKES:
        if str(strike) in wanted:
            next(nth for nth in count(1) if not _meet(strike, folder, nth))


if __name__ == "__main__":
    main()
