"""What `plan` and `apply` ask for alike, and how both end."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import click

from broker.cli.exits import Exit
from broker.controller.planning.plan import Asked, Problem, ProblemKind
from broker.model.names import GrantId, parse_id
from broker.texts import printable

Command = TypeVar("Command", bound=Callable[..., object])


class Span(click.ParamType[timedelta]):
    """Days or hours, as `30d` or `12h`."""

    name = "SPAN"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Raises BadParameter."""
        if isinstance(value, timedelta):
            return value
        if (written := re.fullmatch(r"([1-9][0-9]{0,3})([dh])", value)) is None:
            self.fail(f"{value!r} is not such as 30d or 12h", param, ctx)
        number, unit = int(written[1]), written[2]
        return timedelta(days=number) if unit == "d" else timedelta(hours=number)


def asked_options(command: Command) -> Command:
    """Give the command `--prune` and `--follow`."""
    prune = click.option(
        "--prune", is_flag=True, help="Remove what this broker made and no grant wants any more."
    )
    follow = click.option(
        "--follow",
        "follow",
        multiple=True,
        metavar="GRANT",
        help="Take the objects that this grant's paths name now, though they named others before.",
    )
    return prune(follow(command))


def asked_of(prune: bool, follow: Iterable[str]) -> Asked:
    """Raises InvalidName."""
    return Asked(prune, frozenset(GrantId(parse_id(each, "grant")) for each in follow))


def tell_problems(problems: Iterable[Problem]) -> None:
    """One line each, on standard error."""
    told = tuple(problems)
    for problem in told:
        of_all = problem.subject == problem.vcenter
        where = f"vCenter {problem.vcenter}" if of_all else f"{problem.subject} on {problem.vcenter}"
        line = printable(f"! {problem.kind}: {where}: {problem.text}")
        click.echo(click.style(line, fg="red"), err=True)
    if any(problem.kind is ProblemKind.UNREACHABLE for problem in told):
        tell_way_to_doctor()


def tell_way_to_doctor() -> None:
    """For whoever reads that a vCenter could not be asked."""
    click.echo("`broker doctor` says what is wrong there and what to do.", err=True)


def exit_of(problems: Iterable[Problem]) -> Exit:
    """5 where a vCenter could not be asked, 6 for any other problem."""
    kinds = {problem.kind for problem in problems}
    if ProblemKind.UNREACHABLE in kinds:
        return Exit.VCENTER
    return Exit.CONFLICT if kinds else Exit.DONE
