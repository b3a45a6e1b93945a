"""Where the store of a test lies, on either engine, and handing that to a process that it starts."""

import base64
import pickle
from pathlib import Path

import pytest

from broker.model.stores import StoreLocation


def place_on(engine: str, request: pytest.FixtureRequest) -> StoreLocation:
    """A place for a new store, for a fixture whose tests have a `path`."""
    if engine == "sqlite":
        return Path(request.getfixturevalue("path"))
    found: StoreLocation = request.getfixturevalue("postgres").new_store()
    return found


def packed(place: StoreLocation) -> str:
    """The place as one word."""
    return base64.b64encode(pickle.dumps(place)).decode()


def unpacked(word: str) -> StoreLocation:
    """What `packed` made a word of."""
    place: StoreLocation = pickle.loads(base64.b64decode(word))
    return place
