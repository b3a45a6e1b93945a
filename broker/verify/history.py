"""The log's keys as its own records tell them, held against the keys that it says it has.

Which key begins a log no record can vouch for; of each later one a record does, signed by the key before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from broker.model.record import Event
from broker.store.published import PublishedKey
from broker.tlog.note import NoteRefused, verifier_key
from broker.verify.findings import Findings, Kind

BEGAN, ADDED = Event.LOG_BEGAN.value, Event.LOG_KEY_ADDED.value
RETIRED, EPOCH = Event.LOG_KEY_RETIRED.value, Event.EPOCH_OPENED.value
MARKS = frozenset({BEGAN, ADDED, RETIRED, EPOCH})


@dataclass(frozen=True, slots=True)
class Mark:
    """A record about the log's keys: its index, its event's code, its fields."""

    index: int
    code: str
    fields: Mapping[str, Any]


class History:
    """Keys by their text, from the first record to the last."""

    def __init__(self, stated: Sequence[PublishedKey]) -> None:
        self._keys = {key.key: replace(key, until_size=None) for key in stated if key.from_size == 0}
        self._stated = {key.key: key for key in stated}
        self.ended: dict[str, int] = {}
        """Origins that the log had, with the index of the record that opened the next epoch."""

    def judge(self, marks: Iterable[Mark], findings: Findings) -> None:
        """Follow the records, then compare."""
        for mark in marks:
            try:
                self._follow(mark, findings)
            except (KeyError, TypeError, ValueError, NoteRefused):
                findings.add(Kind.KEYS, "tells of a key what no broker writes", mark.index)
        for text in sorted(self._keys.keys() | self._stated.keys()):
            told, stated = self._keys.get(text), self._stated.get(text)
            if told is None and stated is not None:
                findings.add(Kind.KEYS, f"no record explains the log's key {stated.key_id}")
            elif told is not None and told != stated:
                findings.add(Kind.KEYS, f"the log's key {told.key_id} is, by its records, {_span(told)}")

    def _follow(self, mark: Mark, findings: Findings) -> None:
        fields = mark.fields
        if mark.code == BEGAN:
            if mark.index or set(fields["keys"]) != set(self._keys):
                findings.add(Kind.KEYS, "is not the beginning of a log with these keys", mark.index)
        elif mark.code == RETIRED:
            self._end({fields["key_id"]}, fields["until_size"])
        else:
            if mark.code == EPOCH:
                self.ended[fields["previous_origin"]] = mark.index
                self._end({key.key_id for key in self._keys.values()}, mark.index)
            key = verifier_key(fields["vkey"])
            self._keys[str(key)] = PublishedKey(key.id, key.name, str(key), mark.index + 1, None)

    def _end(self, key_ids: set[str], until: int) -> None:
        for text, key in self._keys.items():
            if key.key_id in key_ids and key.until_size is None:
                self._keys[text] = replace(key, until_size=until)


def _span(key: PublishedKey) -> str:
    return f"of {key.origin}, from {key.from_size} to {'now' if key.until_size is None else key.until_size}"
