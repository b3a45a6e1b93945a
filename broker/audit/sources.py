"""Who refused requests are counted against: an app, or an address where nobody is authenticated."""

from dataclasses import dataclass

from broker.model.issuance import Origin
from broker.model.names import AppId
from broker.model.networks import network_of

OTHERS = "others"
"""Whoever comes while every place for its kind is taken."""


@dataclass(frozen=True, slots=True)
class Source:
    """`kind` is the field of the record that carries the name: app or address."""

    kind: str
    name: str


def of_app(app: AppId) -> Source:
    """An authenticated app."""
    return Source("app", app)


def of_address(origin: Origin) -> Source:
    """The address of whoever did not authenticate: IPv6 by /64, since one host has all of it."""
    return Source("address", network_of(origin.address))
