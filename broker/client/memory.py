"""What a monitoring host remembers of a broker's log, in a folder that all its processes share.

`checkpoint` is the newest checkpoint, which changes with every ticket, `log.json` all else. Where
`alarm.json` is, the log was found to show two pasts: nothing goes on until somebody has looked at it
and moved the folder away.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from broker.client.errors import ClientError, LogAlarm, MemoryUnusable
from broker.tlog.checkpoint import Checkpoint, parsed_checkpoint
from broker.tlog.note import NoteRefused, VerifierKey, verifier_key

_STATE = "log.json"
_ALARM = "alarm.json"
_CHECKPOINT = "checkpoint"
_LOCK = "lock"
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one log. Every checkpoint in it was verified when it came.

    `proved` is the newest checkpoint up to which the log was shown to be one and the same, when
    it was last looked at, at `looked_at`. `earlier` holds the last checkpoints under the origins
    that the log had before.
    """

    keys: tuple[VerifierKey, ...]
    newest: Checkpoint
    proved: Checkpoint
    looked_at: datetime
    earlier: tuple[Checkpoint, ...] = ()

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.newest.head.origin


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    keys: tuple[str, ...]
    proved: str
    looked_at: AwareDatetime
    earlier: tuple[str, ...]


class LogMemory:
    """One folder, for one broker. It is made when it is first written to.

    Every method raises MemoryUnusable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def checkpoint(self) -> Path:
        """The file of the newest checkpoint."""
        return self.folder / _CHECKPOINT

    def known(self) -> Known | None:
        """What is known now; None where nothing is yet. Raises LogAlarm where an alarm stands."""
        if self._read(_ALARM) is not None:
            raise LogAlarm(
                f"the broker's log was found to show two pasts: {self.folder / _ALARM} says how. "
                f"Give {self.folder} to who audits the broker; without it this host starts anew"
            )
        text = self._read(_STATE)
        return None if text is None else self._known(text, self._read(_CHECKPOINT))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile, in this process or another. Not to be held while one waits."""
        self._make_folder()
        try:
            lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def keep(self, known: Known) -> None:
        """Replace all that is known. Only while `held`."""
        stored = _Stored(
            keys=tuple(map(str, known.keys)),
            proved=str(known.proved.note),
            looked_at=known.looked_at,
            earlier=tuple(str(checkpoint.note) for checkpoint in known.earlier),
        )
        self._replace(_STATE, stored.model_dump_json(indent=1))
        self.keep_newest(known.newest)

    def keep_newest(self, checkpoint: Checkpoint) -> None:
        """Replace the newest checkpoint of the same log. Only while `held`.

        A batch has hundreds a second: a power cut may leave an older one, or an empty file.
        """
        with self._replacing(_CHECKPOINT) as file:
            file.write(str(checkpoint.note))

    def keep_alarm(self, evidence: Mapping[str, object]) -> None:
        """Keep what shows that the log has two pasts. Only while `held`."""
        self._replace(_ALARM, json.dumps(evidence, indent=1))

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.folder.stat().st_mode
        except OSError as error:
            raise self._unusable(error) from None
        if mode & _WRITABLE_BY_OTHERS:
            raise MemoryUnusable(f"others can write to {self.folder}; run: chmod go-w {self.folder}")

    def _read(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        except UnicodeDecodeError:
            raise self._damaged() from None

    def _known(self, text: str, newest: str | None) -> Known:
        try:
            stored = _Stored.model_validate_json(text)
            proved = parsed_checkpoint(stored.proved)
            return Known(
                keys=tuple(map(verifier_key, stored.keys)),
                newest=_newest(proved, parsed_checkpoint(newest) if newest else proved),
                proved=proved,
                looked_at=stored.looked_at,
                earlier=tuple(map(parsed_checkpoint, stored.earlier)),
            )
        except (ValidationError, NoteRefused):
            raise self._damaged() from None

    def _replace(self, name: str, text: str) -> None:
        with self._replacing(name) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _replacing(self, name: str) -> Iterator[TextIO]:
        new = self.folder / f".{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
                yield file
            new.replace(self.folder / name)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> MemoryUnusable:
        return MemoryUnusable(f"what is known of the broker's log, {self.folder}: {error.strerror}")

    def _damaged(self) -> MemoryUnusable:
        return MemoryUnusable(
            f"what is in {self.folder} is damaged: find out by whom. Without it this host starts anew"
        )


def memory_of(folder: Path, url: str) -> LogMemory:
    """What is known, below this folder, of the log of the broker that is called by this URL.

    Raises ClientError for what is no URL.
    """
    try:
        called = urlsplit(url)
        name = f"{called.hostname}:{called.port or 443}{called.path.rstrip('/')}"
    except ValueError:
        raise ClientError(
            "the broker's URL is none: https://, a host, and a port where it is not 443"
        ) from None
    return LogMemory(folder / quote(name, safe=""))


def _newest(proved: Checkpoint, kept: Checkpoint) -> Checkpoint:
    """A process that died between the two files left a checkpoint that is older than what was proved."""
    same_log = kept.head.origin == proved.head.origin
    return kept if same_log and kept.head.size > proved.head.size else proved
