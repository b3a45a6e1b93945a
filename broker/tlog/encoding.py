"""Base64 as the texts of transparency logs have it: in its one canonical form."""

import base64
import binascii


def to_base64(value: bytes) -> str:
    """Standard base64, padded."""
    return base64.b64encode(value).decode()


def from_base64(text: str) -> bytes | None:
    """The bytes; None for what `to_base64` would write otherwise: each value is one text only."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if to_base64(value) == text else None
