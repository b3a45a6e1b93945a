"""Signed notes with Ed25519 keys (C2SP signed-note).

A note is a text whose last character is a newline, an empty line, and a line for each signature.
Signatures of keys that nobody asked about say nothing, for it or against it. Base64 is taken in its one
canonical form: a note, and a key, can be written in one way only.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from broker.tlog.encoding import from_base64, to_base64

_ED25519 = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 4
_MAX_CHARACTERS = 1_000_000
_MAX_SIGNATURES = 100
"""C2SP asks for 16 at least; those of post-quantum witnesses fit into the length above."""
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_UNWRITABLE = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""Control characters other than newlines, and what UTF-8 has no bytes for."""
_DASH = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"


class NoteRefused(Exception):
    """A text that is no signed note, or a key that is none. What is said of it names no secret."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that its signatures carry."""

    name: str
    public: bytes
    id: str = field(init=False, repr=False, compare=False)
    """8 hexadecimal digits, a hint only."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", _key_id(self.name, self.public).hex())

    def __str__(self) -> str:
        return f"{self.name}+{self.id}+{to_base64(_ED25519 + self.public)}"

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this key made that signature of that text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key with its name. Prints as the public one."""

    name: str
    _private: Ed25519PrivateKey = field(repr=False)
    verifier: VerifierKey = field(init=False, repr=False, compare=False)
    """Its public half: worked out once, since every signature names it."""

    def __post_init__(self) -> None:
        public = self._private.public_key().public_bytes_raw()
        object.__setattr__(self, "verifier", VerifierKey(self.name, public))

    @classmethod
    def generated(cls, name: str) -> "SignerKey":
        """A fresh key. Raises NoteRefused for a name with blanks, plus signs or control characters."""
        if not _NAME.fullmatch(name):
            raise NoteRefused(f"not a name for a key: {name[:200]!r}")
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def parsed(cls, encoded: str) -> "SignerKey":
        """From `PRIVATE+KEY+name+id+key`. Raises NoteRefused, which quotes nothing of it."""
        if not encoded.startswith(_PRIVATE):
            raise NoteRefused("not a private key for signed notes")
        name, seed = _parts(encoded.removeprefix(_PRIVATE))
        key = cls(name, Ed25519PrivateKey.from_private_bytes(seed))
        if key.encoded() != encoded:
            raise NoteRefused("the private key's id is not that of its key")
        return key

    def encoded(self) -> str:
        """The private key as text: for its file alone."""
        seed = self._private.private_bytes_raw()
        return f"{_PRIVATE}{self.name}+{self.verifier.id}+{to_base64(_ED25519 + seed)}"

    def sign(self, text: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    key_id: str
    value: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {to_base64(bytes.fromhex(self.key_id) + self.value)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signatures, not looked at yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        """The note, character by character as it was found."""
        return "\n".join([self.text, *map(str, self.signatures), ""])

    def signed_by(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Those of the keys that signed it, each once. Raises NoteRefused for a wrong signature of one."""
        text, found = self.text.encode(), []
        for key in dict.fromkeys(keys):
            theirs = [s for s in self.signatures if (s.name, s.key_id) == (key.name, key.id)]
            if not all(key.signed(text, s.value) for s in theirs):
                raise NoteRefused(f"the signature of {key.name} ({key.id}) is wrong")
            found += [key] if theirs else []
        return tuple(found)


def verifier_key(encoded: str) -> VerifierKey:
    """From `name+id+key`. Raises NoteRefused."""
    name, public = _parts(encoded)
    key = VerifierKey(name, public)
    if str(key) != encoded:
        raise NoteRefused(f"not the key that it calls itself: {encoded[:200]!r}")
    return key


def signed_note(text: str, keys: Sequence[SignerKey]) -> str:
    """The note: the text, and a signature by each key.

    Raises NoteRefused for a text that does not end in a newline or has other control characters, and
    where there is no key.
    """
    if not keys or not text.endswith("\n") or _UNWRITABLE.search(text):
        raise NoteRefused("a note is lines of text, signed by one key or more")
    content = text.encode()
    signatures = (Signature(key.name, key.verifier.id, key.sign(content)) for key in keys)
    return str(Note(text, tuple(signatures)))


def parsed_note(note: str) -> Note:
    """Take a note apart, verifying nothing. Raises NoteRefused."""
    if len(note) > _MAX_CHARACTERS or not note.endswith("\n") or _UNWRITABLE.search(note):
        raise NoteRefused("not a signed note")
    text, found, lines = note.removesuffix("\n").rpartition("\n\n")
    if not found:
        raise NoteRefused("a note without signatures")
    if lines.count("\n") >= _MAX_SIGNATURES:
        raise NoteRefused(f"a note with more than {_MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_signature(line) for line in lines.split("\n")))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = from_base64(encoded) or b""
    if not line.startswith(_DASH) or not _NAME.fullmatch(name) or len(value) <= _ID_BYTES:
        raise NoteRefused("a signature line that is none")
    return Signature(name, value[:_ID_BYTES].hex(), value[_ID_BYTES:])


def _parts(encoded: str) -> tuple[str, bytes]:
    name, _, rest = encoded.partition("+")
    _, _, key = rest.partition("+")
    value = from_base64(key) or b""
    if not _NAME.fullmatch(name) or value[:1] != _ED25519 or len(value) != 1 + _KEY_BYTES:
        raise NoteRefused("not an Ed25519 key for signed notes")
    return name, value[1:]


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_ID_BYTES]
