"""The one wrapper in which a secret travels, and the references by which files name one."""

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn


class Secret:
    """A text that must not be shown: prints as `***`, cannot be pickled, formatted or hashed.

    `reveal()` is the one way out; a lint test lists the files that may call it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the text itself, to hand to a library that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash of a secret would be a fingerprint of it

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not leave its process")


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file that only its owner can read (mode 0600 or 0400)."""

    path: Path


@dataclass(frozen=True, slots=True)
class SecretCredential:
    """A systemd credential: a file of that name under $CREDENTIALS_DIRECTORY."""

    name: str


@dataclass(frozen=True, slots=True)
class SecretVariable:
    """An environment variable."""

    name: str


SecretReference = SecretFile | SecretCredential | SecretVariable
