"""Handing the place of a store to a process that a test starts."""

import base64
import pickle

from broker.model.stores import StoreLocation


def packed(place: StoreLocation) -> str:
    """The place as one word."""
    return base64.b64encode(pickle.dumps(place)).decode()


def unpacked(word: str) -> StoreLocation:
    """What `packed` made a word of."""
    place: StoreLocation = pickle.loads(base64.b64decode(word))
    return place
