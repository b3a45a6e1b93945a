"""Pieces examined side by side, and what became of them in the order of the log."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context

from broker.verify.piece import Examined, examine
from broker.verify.sources import Piece

Crew = Callable[[Iterator[Piece]], Iterator[Examined]]
"""Examines pieces. What it gives raises Unreadable."""

_WORTH = 4
"""Fewer pieces are examined before other processes would have started."""
_AHEAD = 2
"""So many pieces wait for each process: enough that none is idle, few enough for flat memory."""


def one_by_one(pieces: Iterator[Piece]) -> Iterator[Examined]:
    """In this process."""
    return map(examine, pieces)


def side_by_side(pieces: Iterator[Piece]) -> Iterator[Examined]:
    """In as many processes as there are processors, where there are enough pieces."""
    begun = list(islice(pieces, _WORTH))
    if len(begun) < _WORTH:
        return map(examine, begun)
    return _in_processes(chain(begun, pieces), os.cpu_count() or 1)


def _in_processes(pieces: Iterator[Piece], processes: int) -> Iterator[Examined]:
    waiting: deque[Future[Examined]] = deque()
    # Started anew, not forked: this process may have threads, and connections that are its own. They make no
    # cycles, and end with the last piece.
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=gc.disable) as pool:
        for piece in pieces:
            waiting.append(pool.submit(examine, piece))
            if len(waiting) > processes * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
