"""Public keys of apps: read, held against their algorithm, and each of one app only."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from broker.model.policy import PublicKey
from broker.policy.files import AppEntry, KeyEntry
from broker.policy.problems import Problems
from broker.policy.texts import read_text
from broker.policy.written import Section, Written

_RSA_BITS = range(2048, 8193)


def _is_p256(key: PublicKeyTypes) -> bool:
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)


def _is_ed25519(key: PublicKeyTypes) -> bool:
    return isinstance(key, Ed25519PublicKey)


def _is_long_rsa(key: PublicKeyTypes) -> bool:
    return isinstance(key, RSAPublicKey) and key.key_size in _RSA_BITS


_FITS: Final[Mapping[str, tuple[Callable[[PublicKeyTypes], bool], str]]] = MappingProxyType(
    {
        "ES256": (_is_p256, "an EC key on P-256"),
        "Ed25519": (_is_ed25519, "an Ed25519 key"),
        "RS256": (_is_long_rsa, "an RSA key of 2048 to 8192 bits"),
        "PS256": (_is_long_rsa, "an RSA key of 2048 to 8192 bits"),
    }
)


def read_app_keys(apps: Section[AppEntry], problems: Problems) -> Mapping[str, tuple[PublicKey, ...]]:
    """The keys of each app, sorted by key id. What is wrong is noted in `problems`.

    A key that two apps share would let either be taken for the other.
    """
    holders: dict[str, str] = {}
    keys: dict[str, tuple[PublicKey, ...]] = {}
    for app in apps:
        readable = []
        for index, entry in enumerate(app.body.keys):
            key = _public_key(app, index, entry, problems)
            if key is None:
                continue
            readable.append(key)
            holder = holders.setdefault(key.pem, f"{app.id}'s {key.key_id}")
            if holder != f"{app.id}'s {key.key_id}":
                app.note(problems, ("keys", index), f"is {holder} again", "Make a key of its own")
        keys[app.id] = tuple(sorted(readable, key=lambda key: key.key_id))
    return MappingProxyType(keys)


def _public_key(app: Written[AppEntry], index: int, entry: KeyEntry, problems: Problems) -> PublicKey | None:
    source = ("keys", index, "pem" if entry.file is None else "file")
    pem = entry.pem if entry.file is None else read_text(app.beside(entry.file), problems)
    if pem is None:
        return None
    key = _loaded(pem)
    if key is None:
        app.note(problems, source, *_not_a_public_key(pem))
        return None
    fits, expected = _FITS[entry.algorithm]
    if not fits(key):
        app.note(
            problems, source, f"is not {expected}", f"{entry.algorithm} needs one: change key or algorithm"
        )
        return None
    return PublicKey(entry.id, entry.algorithm, _spki(key))


def _not_a_public_key(pem: str) -> tuple[str, str]:
    if "PRIVATE KEY" in pem:
        return "is a private key", "Give the public key here, and make a new pair: this one has travelled"
    return "is not one public key in PEM", "Make it with: openssl pkey -in KEY -pubout"


def _loaded(pem: str) -> PublicKeyTypes | None:
    """The key of a text that is one PEM block of a public key, and nothing else."""
    text = pem.strip()
    begins, ends = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
    if not (text.startswith(begins) and text.endswith(ends) and text.count("-----BEGIN") == 1):
        return None
    try:
        return load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _spki(key: PublicKeyTypes) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
