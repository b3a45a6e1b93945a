"""The high-water mark: what the log had come to, kept where a restored store does not bring it back."""

import json
import logging

from broker.audit.custody.mark import MarkFile
from broker.audit.custody.origins import base_of
from broker.errors import LogUnavailable, Trouble
from broker.model.record import Event, JsonValue, Record
from broker.store.database import Database
from broker.store.log import StoredLog
from broker.store.place import Reserve
from broker.store.published import PublishedTree
from broker.store.transaction import Transaction
from broker.store.tree import Head
from broker.texts import counted
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.merkle import root_of
from broker.tlog.note import NoteRefused, verifier_key

_TURN_S = 2.0
"""Who gets no turn to move the mark leaves it to whoever has it."""

_log = logging.getLogger(__name__)


class HighWater:
    """Holds a log against its mark, and moves the mark on. One thread uses it; all raise LogUnavailable."""

    def __init__(self, database: Database, file: MarkFile) -> None:
        self._database = database
        self._file = file
        self._tree = PublishedTree(database)
        self._log = StoredLog(database)
        self._put = ""
        self._missing_told = False

    def begin(self) -> None:
        """Hold the log against its mark, before anything is done with it; begin what is not there yet.

        A new log begins with a record of its own. A mark that is missing beside an old one is on record, too.
        A mark that cannot be written stops nothing here.
        """
        note, head = self._file.read(), self._database.look()
        if note is not None:
            check(self._database, self._file, note, head)
        if self._database.trouble() is not None:
            return  # nothing can be put on record: whoever tries learns why
        if head.frontier.size == 0:
            self._missing_told = self._database.write(Reserve.NONE, self._begin_log)
        try:
            self.advance()
        except LogUnavailable as unavailable:
            if unavailable.trouble is not Trouble.HIGH_WATER_UNUSABLE:
                raise
            _log.warning("%s", unavailable.detail)

    def advance(self) -> int:
        """Move the mark up to the log's head; the log's size. A log that is another stops the database."""
        head = self._database.look()
        if head.checkpoint != self._put or not self._file.there():
            with self._database.turn("high-water", _TURN_S) as mine:
                if mine:
                    self._move()
        return head.frontier.size

    def _move(self) -> None:
        """Read both once more: whoever had the turn before may have moved the mark, and the log went on."""
        note, head = self._file.read(), self._database.look()
        if note is None and not self._missing_told:
            self._tell_missing(head)
            head = self._database.look()
        if note not in {None, self._put}:
            self._check_running(str(note), head)
        if note != head.checkpoint:
            self._file.write(head.checkpoint)
        self._put, self._missing_told = head.checkpoint, False

    def _check_running(self, note: str, head: Head) -> None:
        try:
            check(self._database, self._file, note, head)
        except LogUnavailable as unavailable:
            if unavailable.trouble is Trouble.LOG_ROLLED_BACK:
                self._database.stop(unavailable)
            raise

    def _tell_missing(self, head: Head) -> None:
        size = head.frontier.size
        _log.warning("the log has %s records and no high-water mark: it starts anew there", size)
        self._log.append([Record(Event.HIGH_WATER_STARTED, {"size": size})], Reserve.NONE)
        self._missing_told = True

    def _begin_log(self, transaction: Transaction) -> bool:
        """Whether it was this process that began it."""
        if transaction.size:
            return False
        keys = self._tree.public_keys()
        fields: dict[str, JsonValue] = {
            "origin": keys[0].origin,
            "epoch": 1,
            "keys": [key.key for key in keys],
        }
        transaction.append([Record(Event.LOG_BEGAN, fields)])
        return True


def check(database: Database, file: MarkFile, note: str, head: Head) -> None:
    """Hold the store's head against the mark's note.

    Raises LogUnavailable: LOG_ROLLED_BACK where the store ends before, or is another than, what the
    mark states, unless an operator opened this epoch knowing that; HIGH_WATER_UNUSABLE for what is no mark.
    """
    marked = marked_in(file, note, head)
    _check_signatures(database, file, marked)
    if head.epoch > 1 and _acknowledged(database, marked):
        return
    size, found = marked.head.size, head.frontier.size
    if size > found:
        holds = counted(found, "record")
        raise _rolled_back(f"the store holds {holds}, and its high-water mark {file.path} stands at {size}")
    if _root_at(database, size) != marked.head.root:
        raise _rolled_back(
            f"the store's first {size} of {found} records are not those of its high-water mark {file.path}"
        )


def marked_in(file: MarkFile, note: str, head: Head) -> Checkpoint:
    """What the mark states. Raises LogUnavailable for no checkpoint, and for that of another log."""
    try:
        marked = parsed_checkpoint(note)
    except NoteRefused as refused:
        raise file.unusable(f"{refused}; look into it, and move it away") from None
    if base_of(marked.head.origin) != base_of(head.origin):
        raise file.unusable(
            f"it is that of another log, {marked.head.origin}; this one is {head.origin}: name its own file"
        )
    return marked


def _check_signatures(database: Database, file: MarkFile, marked: Checkpoint) -> None:
    """A key that this store does not know may be younger than the store: its signature says nothing."""
    try:
        marked.note.signed_by(verifier_key(key.key) for key in PublishedTree(database).public_keys())
    except NoteRefused as refused:
        raise file.unusable(f"{refused}; look into it, and move it away") from None


def _acknowledged(database: Database, marked: Checkpoint) -> bool:
    """Whether this epoch was opened in spite of this very mark: the mark was to be replaced then."""
    opened = StoredLog(database).newest(Event.EPOCH_OPENED)
    said = json.loads(opened)["fields"].get("mark", []) if opened else []
    return bool(said[:3] == marked.head.text().splitlines())


def _root_at(database: Database, size: int) -> bytes:
    try:
        return root_of(size, PublishedTree(database).node_reader())
    except IndexError:
        raise LogUnavailable("the tree's tiles are damaged; run: broker audit verify") from None


def _rolled_back(how: str) -> LogUnavailable:
    advice = "put the store back as it was; if it is lost, run: broker audit epoch open"
    return LogUnavailable(f"{how}. Look into it: {advice}", Trouble.LOG_ROLLED_BACK)
