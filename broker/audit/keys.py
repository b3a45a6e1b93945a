"""The keys that sign the log: a directory of files, one a key, each for its owner's eyes alone."""

import logging
import stat
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from broker.errors import FileRefused, LogUnavailable, SecretUnavailable, Trouble
from broker.files import write_private
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.tlog.checkpoint import TreeHead, signed_checkpoint
from broker.tlog.note import NoteRefused, SignerKey, VerifierKey

_SUFFIX = ".key"
_LOOK_AGAIN_S = 1.0
"""While a key that signs is not here, though another is: a rotation may bring it at any time."""

_log = logging.getLogger(__name__)


class LogKeys:
    """The LogSigner port on a directory, which is looked into again for a key that is missing.

    So a rotation needs no restart. A file that cannot be used, as while somebody copies it there, matters
    to whoever has no other key.
    """

    def __init__(self, directory: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.directory = directory
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._told = ""
        self._keys: Mapping[str, SignerKey] = {}

    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public halves of all keys. Raises SecretUnavailable for none, and for keys of several logs."""
        keys = self.all()
        if not keys:
            raise SecretUnavailable(
                f"there is no key of the log in {self.directory}; run: broker audit keys init"
            )
        if len({key.name for key in keys}) > 1:
            raise SecretUnavailable(f"{self.directory} has keys of several logs; a new one takes its own")
        return keys

    def all(self) -> tuple[VerifierKey, ...]:
        """The public halves of all keys, of whatever log. Raises SecretUnavailable for one of no use."""
        return tuple(sorted((_read(file).verifier for file in self._files()), key=lambda key: key.id))

    def changed(self) -> None:
        """There is a new file: look again for the next key that is missing."""
        self._looked_at = float("-inf")

    def held(self, key_ids: Collection[str]) -> frozenset[str]:
        """Those of the keys that are here."""
        if any(key_id not in self._keys for key_id in key_ids):
            self._look_again(key_ids)
        return frozenset(key_id for key_id in key_ids if key_id in self._keys)

    def public(self, key_ids: Collection[str]) -> tuple[VerifierKey, ...]:
        """The public halves of those of the keys that are here."""
        held = self.held(key_ids)
        return tuple(self._keys[key_id].verifier for key_id in key_ids if key_id in held)

    def sign(self, head: TreeHead, key_ids: Collection[str]) -> str:
        """The checkpoint, signed with each of these keys that is here.

        Raises LogUnavailable where none is.
        """
        held = self.held(key_ids)
        if not held:
            signing = ", ".join(key_ids)
            raise LogUnavailable(
                f"none of the keys that sign the log ({signing}) is in {self.directory}{self._told}: "
                "put the file of one back; if they are lost, run: broker audit epoch open",
                Trouble.LOG_KEY_MISSING,
            )
        return signed_checkpoint(head, [self._keys[key_id] for key_id in key_ids if key_id in held])

    def _look_again(self, key_ids: Collection[str]) -> None:
        """At most now and then while there is another key: each commit comes by here."""
        now = self._monotonic()
        if now - self._looked_at < _LOOK_AGAIN_S and any(key_id in self._keys for key_id in key_ids):
            return
        self._looked_at = now
        try:
            keys, wrong = self._look()
        except SecretUnavailable as unavailable:
            keys, wrong = self._keys, f"; {unavailable}"
        if wrong not in {"", self._told}:
            _log.warning("not every key of the log is here%s", wrong)
        self._keys, self._told = keys, wrong

    def _look(self) -> tuple[Mapping[str, SignerKey], str]:
        keys, wrong = dict[str, SignerKey](), ""
        for file in self._files():
            try:
                key = _read(file)
            except SecretUnavailable as unavailable:
                wrong = f"; {unavailable}"
            else:
                keys[key.verifier.id] = key
        return keys, wrong

    def _files(self) -> Iterator[Path]:
        try:
            found = self.directory.stat()
        except FileNotFoundError:
            return iter(())
        except OSError as error:
            raise SecretUnavailable(f"the log's keys {self.directory}: {error.strerror}") from None
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SecretUnavailable(
                f"the log's keys {self.directory} must be a folder that others cannot write; run: chmod go-w"
            )
        return self.directory.glob(f"*{_SUFFIX}")


def make_key(directory: Path, origin: str) -> VerifierKey:
    """Make a key of that name, in a file of its own in the directory, which is made where there is none.

    Raises FileRefused, and SecretUnavailable for a name that no key can have.
    """
    try:
        key = SignerKey.generated(origin)
    except NoteRefused as refused:
        raise SecretUnavailable(str(refused)) from None
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise FileRefused(f"the folder of the log's keys {directory}: {error.strerror}") from None
    write_private(key_file(directory, key.verifier.id), f"{key.encoded()}\n".encode())
    return key.verifier


def key_file(directory: Path, key_id: str) -> Path:
    """The file in which `make_key` puts the key of this id."""
    return directory / f"{key_id}{_SUFFIX}"


def _read(file: Path) -> SignerKey:
    try:
        return SignerKey.parsed(read_secret(SecretFile(file)).reveal())
    except NoteRefused as refused:
        raise SecretUnavailable(f"the log's key {file}: {refused}") from None
