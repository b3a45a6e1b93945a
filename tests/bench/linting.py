"""(i) `broker roles lint` of a large site, from the start of the command to its end.

A process of its own each time, as CI runs it: what it takes to start and to read the files is part of it.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import click

from tests.bench.figures import Figure, Sample
from tests.bench.plan import Plan
from tests.support.many_grants import Size, write_site

SIZE = Size(templates=500, grants=2_000, hosts=2_500)


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    cpu: float


def figures(plan: Plan) -> list[Figure]:
    """Seconds of wall and of CPU, with nothing to find: the whole of the policy is looked at."""
    files = write_site(plan.root / "lint", SIZE)
    taken = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"(i) lint {number}")
        taken.append(_run(files.folder))
    what = f"lint of {SIZE.templates} templates, {SIZE.grants} grants, {SIZE.hosts} hosts"
    return [
        Figure("i", what, "s", "", tuple(Sample(each.seconds) for each in taken)),
        Figure("i.cpu", f"CPU of the {what}", "s", "", tuple(Sample(each.cpu) for each in taken)),
    ]


def _run(folder: Path) -> _Run:
    command = [sys.executable, "-m", "broker", "roles", "lint", "--config", str(folder)]
    before, began = os.times(), perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, after = perf_counter() - began, os.times()
    if done.returncode != 0:
        raise click.ClickException(f"lint does not pass: {done.stdout}{done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _Run(seconds, cpu)
