"""What one comparison stands on: labs, and a site whose policy covers all their hosts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from broker.demo.files import Site
from tests.bench.labs import LabSize, RunningLab, Target, running_labs
from tests.bench.site import Sizes, new_site


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything but the broker and its load."""

    labs: tuple[RunningLab, ...]
    site: Site
    targets: tuple[Target, ...]
    """All hosts, the labs taking turns, so that any run of neighbours asks each for as much."""

    @property
    def lab_pids(self) -> list[int]:
        """The labs' processes."""
        return [lab.pid for lab in self.labs]


@contextmanager
def new_ground(root: Path, labs: int, size: LabSize, sizes: Sizes = Sizes()) -> Iterator[Ground]:  # noqa: B008 - frozen
    """Made in `root`, a new directory; the labs end with the block."""
    root.mkdir(mode=0o700)
    with running_labs(root, labs, size) as running:
        yield Ground(running, new_site(root, running, sizes), _in_turns(running))


def _in_turns(labs: Sequence[RunningLab]) -> tuple[Target, ...]:
    each = ([Target(lab.id, name, moid) for name, moid in lab.hosts] for lab in labs)
    return tuple(target for target in chain.from_iterable(zip_longest(*each)) if target)
