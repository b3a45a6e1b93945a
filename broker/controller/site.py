"""One vCenter as an apply works on it."""

from dataclasses import dataclass

from broker.controller.report import Journal
from broker.errors import BrokerError
from broker.model.names import VcenterId
from broker.model.tree import Tree
from broker.ports.administration import Administration, AppliedStore


@dataclass(frozen=True, slots=True)
class Site:
    """A vCenter, who it is, and what goes along with every change to it."""

    vcenter: VcenterId
    instance_uuid: str
    tree: Tree
    administration: Administration
    store: AppliedStore
    journal: Journal


class Conflict(BrokerError):
    """Something that is not ours stands in the way: it stays as it is."""


class NoLogin(BrokerError):
    """The controller's file has no log-in for a vCenter that a grant is for."""


class Unknown(BrokerError):
    """The policy names something that this vCenter does not have."""
