"""Reading the log back, record by record."""

import json
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from broker.model.names import IssuanceId
from broker.store.database import Database
from broker.store.log import Leaf, StoredLog

_PAGE = 500


class AuditReading:
    """Records as JSON objects, in the order of the log, each with its position as `seq`.

    What was recorded stands under `fields`; around it `v`, `id`, `event`, `code`, `ts`, `boot`
    and `node`. Every method raises LogUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._log = StoredLog(database)

    def size(self) -> int:
        """How many records there are."""
        return self._log.size()

    def records(self, first: int = 0) -> Iterator[dict[str, Any]]:
        """Every record from position `first` on, read page by page: ends with the log as it is then."""
        for leaf in self.leaves(first):
            yield _content(leaf)

    def leaves(self, first: int = 0) -> Iterator[Leaf]:
        """The same as exact bytes, for an export or a verifier."""
        while page := self._log.leaves(first, _PAGE):
            yield from page
            first = page[-1].seq + 1

    def since(self, when: datetime, codes: Collection[str]) -> Iterator[dict[str, Any]]:
        """Every record of these codes from that time on."""
        wanted = [f'"code":"{code}"'.encode() for code in sorted(codes)]
        for leaf in self.leaves(self._log.position_at(when)):
            if any(code in leaf.content for code in wanted) and (content := _content(leaf))["code"] in codes:
                yield content

    def of_issuance(self, issuance: IssuanceId) -> tuple[dict[str, Any], ...]:
        """Every record of an issuance, or of the answer that has this id."""
        return tuple(_content(leaf) for leaf in self._log.of_issuance(issuance))


def _content(leaf: Leaf) -> dict[str, Any]:
    return {"seq": leaf.seq, **json.loads(leaf.content)}
