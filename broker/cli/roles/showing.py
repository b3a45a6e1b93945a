"""A plan for people: what would be created, changed and removed, why, and which hosts it reaches."""

from collections.abc import Iterator

import click

from broker.controller.planning.plan import (
    GrantAction,
    GrantStep,
    PermissionAction,
    PermissionStep,
    Plan,
    Reach,
    RoleAction,
    RoleStep,
    Step,
    VcenterPlan,
)
from broker.controller.replay.decided import Replay, Turned
from broker.texts import counted, printable

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "red"}
_NAMES = 3


def show_plan(plan: Plan) -> None:
    """Print it; colours are left out where nobody would see them."""
    for line in plan_lines(plan):
        click.echo(click.style(printable(line), fg=_COLOURS.get(line.lstrip()[:1])))


def plan_lines(plan: Plan) -> Iterator[str]:
    """Line by line. The first sign says what happens: + more, - less, ~ changed, ? worth knowing."""
    for grant, vcenter in plan.withdrawn.items():
        yield f"- grant {grant} on {vcenter}: withdrawn, it left the policy"
    for each in plan.vcenters:
        yield from _of_vcenter(each)
    steps = len(plan.withdrawn) + sum(len(each.steps) for each in plan.vcenters)
    unchanged = sum(len(each.unchanged) for each in plan.vcenters)
    yield (
        f"{steps} to do, {counted(unchanged, 'grant')} unchanged, {counted(len(plan.problems), 'problem')}"
    )


def show_replay(replay: Replay) -> None:
    """Print what would end otherwise than it did."""
    for line in _replay_lines(replay):
        click.echo(click.style(printable(line), fg=_COLOURS.get(line.lstrip()[:1])))


def _replay_lines(replay: Replay) -> Iterator[str]:
    asked = counted(replay.asked, "request")
    yield f"replay since {replay.since}: {asked} decided anew, {replay.left_out} left out"
    for turned in replay.would_be_refused:
        yield f"  - {_request(turned)}: issued then, refused now ({turned.reason})"
    for turned in replay.would_be_issued:
        yield f"  + {_request(turned)}: refused then ({turned.reason}), issued now"


def _request(turned: Turned) -> str:
    grant = f" under {turned.grant}" if turned.grant else ""
    return f"{turned.app} for {turned.host}{grant}, {counted(turned.count, 'time')}, last {turned.last}"


def step_line(step: Step) -> str:
    """A step in one line, for whoever looks on while it is made."""
    return next(_of_step(step)).strip()


def _of_vcenter(plan: VcenterPlan) -> Iterator[str]:
    if plan.steps:
        yield f"vCenter {plan.vcenter}"
    for step in plan.steps:
        for line in _of_step(step):
            yield f"  {line}"
    for kept in plan.kept:
        yield f"  ? {kept.what} stays: {kept.reason}"
    for note in plan.notes:
        yield f"  ? {note}"


def _of_step(step: Step) -> Iterator[str]:
    match step:
        case RoleStep():
            yield from _of_role(step)
        case PermissionStep():
            yield from _of_permission(step)
        case GrantStep():
            yield from _of_grant(step)


def _of_role(step: RoleStep) -> Iterator[str]:
    signs = {RoleAction.CREATE: "+", RoleAction.WIDEN: "~", RoleAction.REMOVE: "-"}
    yield f"{signs.get(step.action, '~')} role {step.name}: {step.action}, {step.reason}"
    before, after = step.before or frozenset(), step.after or frozenset()
    for privilege in sorted(before - after):
        yield f"    - {privilege}"
    for privilege in sorted(after - before):
        yield f"    + {privilege}"


def _of_permission(step: PermissionStep) -> Iterator[str]:
    signs = {PermissionAction.SET: "+", PermissionAction.REPLACE: "~", PermissionAction.REMOVE: "-"}
    roles = " -> ".join(filter(None, (step.before_role, step.role or "")))
    below = "and below" if step.propagate else "itself only"
    yield f"{signs[step.action]} permission of {step.principal} on {step.path} ({below}): role {roles}"
    yield f"    {step.reason}; reaches {_hosts(step.hosts)}"


def _of_grant(step: GrantStep) -> Iterator[str]:
    if step.action is GrantAction.WITHDRAW:
        yield f"- grant {step.grant}: withdrawn, {step.reason}"
    else:
        yield f"+ grant {step.grant}: in force as {step.principal} with role {step.role}"
        yield f"    {step.reason}; reaches {_hosts(step.hosts)}"


def _hosts(reach: Reach) -> str:
    named = ", ".join(reach.names[:_NAMES])
    more = f" and {reach.count - _NAMES} more" if reach.count > _NAMES else ""
    hosts = counted(reach.count, "host")
    return f"{hosts}: {named}{more}" if named else hosts
