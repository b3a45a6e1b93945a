"""The product under load for minutes: it needs no more memory and no more descriptors than at first."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.support.invariants import check_log
from tests.support.load import asking_everywhere
from tests.support.stack import Stack

SECONDS = 150
"""Of load; the first third is the warm-up."""
EVERY_S = 2.5
TICKETS_A_SECOND = 10
"""At least: otherwise nothing was strained."""
MORE_DESCRIPTORS = 4
"""From the second third to the last: files and connections that are there for a moment."""
GROWTH_KIB = 4096
"""Of memory, between the same thirds: beneath it is what an allocator keeps or gives back."""

pytestmark = pytest.mark.soak


class Size(NamedTuple):
    """Of all processes of the product together."""

    descriptors: int
    resident_kib: int


@pytest.mark.timeout(SECONDS + 180)
def test_memory_and_descriptors_stay_flat_under_load(
    fresh: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    product = (
        fresh.start("controller", "--config", str(fresh.site.controller_file)).pid,
        fresh.serve().pid,
    )
    fresh.ready()
    with asking_everywhere(fresh) as load:
        sizes = sampled(product)
        counted = load.stop()
    second, last = thirds(sizes)
    with capsys.disabled():
        print(f"\n{counted.issued} tickets; {second[0]} at first, {last[-1]} at last", end="", flush=True)
    assert (counted.statuses, counted.broken) == ([], 0)
    assert counted.issued > TICKETS_A_SECOND * SECONDS
    assert descriptors(last) - descriptors(second) <= MORE_DESCRIPTORS
    assert resident_kib(last) - resident_kib(second) < GROWTH_KIB
    check_log(fresh.records())


def sampled(product: Sequence[int]) -> list[Size]:
    """One size after the other, until the time is over."""
    over, sizes = time.monotonic() + SECONDS, []
    while time.monotonic() < over:
        time.sleep(EVERY_S)
        sizes.append(size_of(product))
    return sizes


def thirds(sizes: list[Size]) -> tuple[list[Size], list[Size]]:
    """The second and the last."""
    third = len(sizes) // 3
    return sizes[third : 2 * third], sizes[2 * third :]


def descriptors(sizes: list[Size]) -> float:
    """Those that are there at most times: some are opened and closed again for a moment."""
    return median(size.descriptors for size in sizes)


def resident_kib(sizes: list[Size]) -> float:
    return median(size.resident_kib for size in sizes)


def size_of(product: Sequence[int]) -> Size:
    family = [pid for leader in product for pid in family_of(leader)]
    return Size(
        descriptors=sum(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()) for pid in family),
        resident_kib=sum(resident_of(pid) for pid in family),
    )


def family_of(leader: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{leader}/task/{leader}/children").read_text().split()
    return [leader, *(pid for child in children for pid in family_of(int(child)))]


def resident_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])
