"""`broker roles plan` and `broker roles apply`: making the policy true in vCenter, and saying so before.

An apply makes a plan and carries out exactly that. A saved plan is held against one made now, and
refused where they differ: nothing that stands in a file is ever carried out.
"""

from broker.controller.carrying.carry import carry_out
from broker.controller.carrying.report import ApplyReport
from broker.controller.carrying.steps import Progress
from broker.controller.planning.document import SavedPlan
from broker.controller.planning.looking import plan_policy
from broker.controller.planning.plan import Asked, Step
from broker.controller.rooms import ControllerRooms, kept_open
from broker.model.policy import Policy


def unwatched(step: Step) -> None:
    """Nobody looks on."""


def apply_policy(
    policy: Policy, rooms: ControllerRooms, asked: Asked, by: str, progress: Progress = unwatched
) -> ApplyReport:
    """Plan and carry out; problems are in the report. Raises LogUnavailable."""
    with kept_open(rooms) as open_rooms:
        plan = plan_policy(policy, open_rooms, asked)
        return carry_out(plan, policy, open_rooms, by, progress)


def apply_saved(
    saved: SavedPlan, policy: Policy, rooms: ControllerRooms, by: str, progress: Progress = unwatched
) -> ApplyReport:
    """Carry out what was planned, if it is what would be planned now.

    Raises PlanOutdated, LogUnavailable.
    """
    with kept_open(rooms) as open_rooms:
        plan = plan_policy(policy, open_rooms, saved.asked)
        saved.check(plan)
        return carry_out(plan, policy, open_rooms, by, progress)
