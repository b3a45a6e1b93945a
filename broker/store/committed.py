"""What a write gave, once it is durable."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.model.receipt import Receipt
from broker.store.tree import Batch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """The result of the work, and what the transaction appended, other writers' records among it."""

    result: T
    batch: Batch | None

    def receipt(self, seq: int) -> Receipt:
        """The receipt of a record that the work appended. Raises IndexError for another."""
        if self.batch is None:
            raise IndexError("this write appended no record")
        return self.batch.receipt(seq)
