"""The keys that sign the log: a directory of files, one a key, each for its owner's eyes alone."""

import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from broker.errors import LogUnavailable, SecretUnavailable
from broker.files import write_private
from broker.model.secret import SecretFile
from broker.secrets import read_secret
from broker.tlog.checkpoint import TreeHead, signed_checkpoint
from broker.tlog.note import NoteRefused, SignerKey, VerifierKey

_SUFFIX = ".key"


class LogKeys:
    """The LogSigner port on a directory. Looks into it anew when it changed: a rotation needs no restart."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen = -1
        self._keys: Mapping[str, SignerKey] = {}

    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public halves of all keys. Raises SecretUnavailable for none, and for keys of several logs."""
        self._look()
        keys = tuple(self._keys[key_id].verifier for key_id in sorted(self._keys))
        if not keys:
            raise SecretUnavailable(
                f"there is no key of the log in {self._directory}; run: broker audit keys init"
            )
        if len({key.name for key in keys}) > 1:
            raise SecretUnavailable(f"{self._directory} has keys of several logs; a new one takes its own")
        return keys

    def sign(self, head: TreeHead, key_ids: Collection[str]) -> str:
        """The checkpoint, signed with each of these keys that is here.

        Raises LogUnavailable where none is.
        """
        if any(key_id not in self._keys for key_id in key_ids):
            self._look_again()
        keys = [self._keys[key_id] for key_id in key_ids if key_id in self._keys]
        if not keys:
            raise LogUnavailable(
                f"none of the keys that sign the log ({', '.join(key_ids)}) is in {self._directory}"
            )
        return signed_checkpoint(head, keys)

    def _look_again(self) -> None:
        try:
            self._look()
        except SecretUnavailable as unavailable:
            raise LogUnavailable(str(unavailable)) from None

    def _look(self) -> None:
        changed = self._changed_at()
        if changed != self._seen:
            files = sorted(self._directory.glob(f"*{_SUFFIX}"))
            self._keys = {key.verifier.id: key for key in map(_read, files)}
            self._seen = changed

    def _changed_at(self) -> int:
        try:
            found = self._directory.stat()
        except FileNotFoundError:
            return -1
        except OSError as error:
            raise SecretUnavailable(f"the log's keys {self._directory}: {error.strerror}") from None
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SecretUnavailable(
                f"the log's keys {self._directory} must be a folder that others cannot write; run: chmod go-w"
            )
        return found.st_mtime_ns


def make_key(directory: Path, origin: str) -> VerifierKey:
    """Make a key of that name, in a file of its own in the directory, which is made where there is none.

    Raises FileRefused, and SecretUnavailable for a name that no key can have.
    """
    try:
        key = SignerKey.generated(origin)
    except NoteRefused as refused:
        raise SecretUnavailable(str(refused)) from None
    directory.mkdir(mode=0o700, exist_ok=True)
    write_private(directory / f"{key.verifier.id}{_SUFFIX}", f"{key.encoded()}\n".encode())
    return key.verifier


def _read(file: Path) -> SignerKey:
    try:
        return SignerKey.parsed(read_secret(SecretFile(file)).reveal())
    except NoteRefused as refused:
        raise SecretUnavailable(f"the log's key {file}: {refused}") from None
