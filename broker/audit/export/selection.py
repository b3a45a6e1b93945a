"""What an export is asked for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from broker.model.record import JsonScalar
from broker.store.log import Leaf


class Extra(Enum):
    """What an export may have besides."""

    PROOF_FILES = "proofs"
    TABLE = "csv"


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters, by their names, and the records of the first so many that they leave, in order.

    Without a filter it is the whole log, and must leave every record.
    """

    query: Mapping[str, JsonScalar]
    leaves: Callable[[int], Iterable[Leaf]]

    @property
    def whole(self) -> bool:
        """Whether it is the whole log."""
        return not self.query
