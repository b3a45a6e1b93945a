"""One vCenter as a plan is carried out on it."""

from dataclasses import dataclass

from broker.controller.carrying.report import Journal
from broker.controller.rooms import ControllerRooms
from broker.model.names import VcenterId
from broker.model.policy import Policy
from broker.model.record import JsonValue
from broker.ports.administration import Administration


@dataclass(frozen=True, slots=True)
class Site:
    """A vCenter, who it is, and what goes along with every change to it."""

    policy: Policy
    vcenter: VcenterId
    instance_uuid: str
    administration: Administration
    rooms: ControllerRooms
    journal: Journal

    def fields(self, **more: JsonValue) -> dict[str, JsonValue]:
        """The fields of a record about this vCenter."""
        return {"vcenter": self.vcenter, "instance_uuid": self.instance_uuid, **more}
