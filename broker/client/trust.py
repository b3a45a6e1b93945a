"""What one host may conclude from two things that a broker said of its log."""

from collections.abc import Mapping, Sequence

from broker.client.errors import LogAlarm
from broker.client.log import ShownLog
from broker.client.memory import Known
from broker.client.receipts import receipt_document
from broker.model.receipt import Receipt
from broker.texts import cleaned
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.encoding import to_base64
from broker.tlog.merkle import consistent
from broker.tlog.note import NoteRefused, VerifierKey

_NAME_CHARACTERS = 200


class TwoPasts(LogAlarm):
    """The log contradicts what it showed before. `evidence` is what was shown, signatures included."""

    def __init__(self, text: str, kept: Checkpoint, shown: Checkpoint, **more: object) -> None:
        super().__init__(f"the broker's log is not what it was: {text}")
        checkpoints = {"kept": str(kept.note), "shown": str(shown.note)}
        self.evidence: Mapping[str, object] = {"found": text, **checkpoints, **more}


def trusted_keys(
    origin: str, given: Sequence[VerifierKey], known: Known | None, first: Sequence[VerifierKey]
) -> tuple[VerifierKey, ...]:
    """The keys whose word counts on a log of that name.

    Those that the user gave, else those known, else those that the broker showed first. Raises
    LogAlarm for a name that none of them vouches for, or that the log had before its present one.
    """
    now = cleaned(origin, _NAME_CHARACTERS)
    if given:
        keys, advice = given, "its operators have to confirm a new name or epoch, with its key"
    elif known is not None:
        keys, advice = (
            known.keys,
            f"it was {known.origin}; a new epoch's key has to be given as the log's key",
        )
    else:
        keys, advice = first, "the broker shows no key of that name"
    if known is not None and origin in {left.head.origin for left in known.earlier}:
        raise LogAlarm(
            f"the broker's log calls itself {now} again, which it was before it was {known.origin}"
        )
    theirs = tuple(key for key in keys if key.name == origin)
    if not theirs:
        raise LogAlarm(f"the broker's log calls itself {now}: {advice}")
    return theirs


def check_order(before: Known | None, shown: Checkpoint, receipt: Receipt) -> None:
    """Whether the record came after all that the log held before the ticket was asked for.

    Raises TwoPasts: the log was cut back since, or the record is that of another ticket.
    """
    if before is None or before.origin != shown.head.origin:
        return
    held = before.newest.head.size
    if receipt.index < held:
        text = (
            f"it held {held} records before the ticket was asked for, whose record is number {receipt.index}"
        )
        raise TwoPasts(text, before.newest, shown, receipt=receipt_document(receipt))


def check_same(known: Known, shown: Checkpoint) -> None:
    """Whether there is one tree only of the size that is shown. Raises TwoPasts."""
    for kept in (known.newest, known.proved):
        if kept.head.size == shown.head.size and kept.head.root != shown.head.root:
            raise TwoPasts(f"there are two logs of {kept.head.size} records", kept, shown)


def check_beginning(old: Checkpoint, new: Checkpoint, log: ShownLog) -> None:
    """Whether the new tree begins with the old one, by the broker's proof of it, where they differ in size.

    Raises TwoPasts, and what ShownLog raises.
    """
    was, now = old.head, new.head
    if was.origin != now.origin or was.size >= now.size:
        return
    path = log.consistency(was.size, now.size)
    if not consistent(was.size, was.root, now.size, now.root, path):
        text = f"its {now.size} records do not begin with the {was.size} that it had"
        raise TwoPasts(text, old, new, path=[to_base64(step) for step in path])


def newcomers(known: Known, log: ShownLog) -> tuple[VerifierKey, ...]:
    """Keys of the log that signed its newest checkpoint beside a known one: they count from now on.

    Raises what ShownLog raises.
    """
    note = known.newest.note
    unknown = {s.key_id for s in note.signatures if s.name == known.origin} - {key.id for key in known.keys}
    if not unknown or not _signed(known.newest, known.keys):
        return ()
    shown = [key for key in log.public_keys() if key.name == known.origin and key.id in unknown]
    return tuple(key for key in shown if _signed(known.newest, [key]))


def _signed(checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> bool:
    try:
        return bool(checkpoint.verify(keys))
    except NoteRefused:
        return False
