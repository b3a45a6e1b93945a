"""Carrying out a whole plan."""

from broker.controller.carrying.grants import withdraw
from broker.controller.carrying.readback import Failed
from broker.controller.carrying.report import ApplyReport, Journal
from broker.controller.carrying.site import Site
from broker.controller.carrying.steps import Carrier, Progress
from broker.controller.planning.document import digest_of_plan
from broker.controller.planning.looking import unreachable
from broker.controller.planning.plan import Plan, ProblemKind, VcenterPlan
from broker.controller.rooms import ControllerRooms
from broker.errors import BrokerError, LogUnavailable
from broker.model.policy import Policy


def carry_out(plan: Plan, policy: Policy, rooms: ControllerRooms, by: str, progress: Progress) -> ApplyReport:
    """Make every step of the plan that can be made; what cannot is in the report. Raises LogUnavailable.

    `by` is the operator. What the policy no longer grants leaves the store first, whether or not
    its vCenter can be asked.
    """
    journal = Journal(rooms.log, by, digest_of_plan(plan))
    if not plan.empty:
        steps = len(plan.withdrawn) + sum(len(vcenter.steps) for vcenter in plan.vcenters)
        journal.begins(steps, plan.policy_revision)
    for grant, vcenter in plan.withdrawn.items():
        withdraw(rooms, journal, grant, vcenter, "it left the policy")
    for each in plan.vcenters:
        for problem in each.problems:
            journal.problem(problem)
        for unchanged in each.unchanged:
            journal.unchanged(unchanged)
        if each.steps:
            _carry_one(each, policy, rooms, journal, progress)
    return journal.ends()


def _carry_one(
    plan: VcenterPlan, policy: Policy, rooms: ControllerRooms, journal: Journal, progress: Progress
) -> None:
    try:
        administration = rooms.administration(policy.vcenters[plan.vcenter])
        if administration.instance_uuid() != plan.instance_uuid:
            raise Failed(ProblemKind.FOREIGN, "another vCenter answers here than when it was planned")
        site = Site(policy, plan.vcenter, plan.instance_uuid, administration, rooms, journal)
        Carrier(site, dict(plan.role_ids)).carry(plan, progress)
    except LogUnavailable:
        raise
    except BrokerError as error:
        for problem in unreachable(plan.vcenter, error).problems:
            journal.problem(problem)
