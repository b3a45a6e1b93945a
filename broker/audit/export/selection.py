"""What an export is asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from broker.model.search import RecordFilter, parse_filter
from broker.store.log import Leaf
from broker.store.search import StoredSearch


class Extra(Enum):
    """What an export may have besides."""

    PROOF_FILES = "proofs"
    TABLE = "csv"


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters as they were told, by name, and the records of the first so many that they leave, in order.

    Without a filter it is the whole log, and must leave every record.
    """

    query: Mapping[str, str]
    leaves: Callable[[int], Iterable[Leaf]]

    @property
    def whole(self) -> bool:
        """Whether it is the whole log."""
        return not self.query


def selected(search: StoredSearch, told: Mapping[str, str]) -> Selection:
    """The records that these filters (broker/model/search.py) let through. Raises InvalidName."""
    wanted = parse_filter(told)
    return Selection(dict(told), lambda size: search.all(_below(wanted, size)))


def _below(wanted: RecordFilter, size: int) -> RecordFilter:
    last = size - 1
    return replace(wanted, last=last if wanted.last is None else min(wanted.last, last))
