"""(h) `broker roles plan` of a large site, from the start of the command to its end, and its vCenter calls.

Three times: before anything was applied; when all of it stands; and when one grant more is written. In
between `broker roles apply` carries the first plan out, whose seconds are told too.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import click

from broker.demo.files import CONTROLLER_USER
from broker.lab.control.client import LabControl
from tests.bench.figures import Figure, Sample
from tests.bench.labs import ANY_CALL_S, LabSize, RunningLab, running_labs
from tests.bench.plan import Plan
from tests.support.policy_files import PolicyFiles
from tests.support.templates import OBLIGATORY

HOSTS, TEMPLATES, GRANTS = 2_500, 500, 2_000
_SITE = f"{TEMPLATES} templates, {GRANTS} grants, {HOSTS} hosts"


def figures(plan: Plan) -> list[Figure]:
    """The plan's seconds in each situation, and how often vCenter was asked for one."""
    root = plan.root / "plan"
    root.mkdir()
    with running_labs(root, 1, LabSize(HOSTS)) as (lab,):
        control = LabControl(lab.control)
        files = _written(root / "site", lab, GRANTS)
        first = [_planned(plan, control, files, "of all") for _ in range(plan.rounds)]
        plan.say("(h) all of it is applied")
        control.set_latency("*", 0)
        applied = _run(control, files, "apply")
        control.set_latency("*", ANY_CALL_S)
        again = [_planned(plan, control, files, "of nothing") for _ in range(plan.rounds)]
        _grants(files, lab, GRANTS + 1)
        more = [_planned(plan, control, files, "of one grant more") for _ in range(plan.rounds)]
    return [
        _seconds("h", f"plan of {_SITE}", first),
        _seconds("h.again", "the same when all of it stands", again),
        _calls("h.calls.all", "vCenter calls of a plan that changes everything", first),
        _calls("h.calls.none", "of one that changes nothing", again),
        _calls("h.calls.one", "of one that adds a grant", more),
        _seconds("h.apply", f"apply of {_SITE}, no latency", [applied]),
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    seconds: float
    calls: int


def _seconds(key: str, name: str, runs: list[_Run]) -> Figure:
    return Figure(key, name, "s", "", tuple(Sample(each.seconds) for each in runs))


def _calls(key: str, name: str, runs: list[_Run]) -> Figure:
    return Figure(key, name, "", "", tuple(Sample(each.calls) for each in runs))


def _planned(plan: Plan, control: LabControl, files: PolicyFiles, what: str) -> _Run:
    plan.say(f"(h) plan {what}")
    return _run(control, files, "plan")


def _run(control: LabControl, files: PolicyFiles, command: str) -> _Run:
    line = [
        sys.executable,
        "-m",
        "broker",
        "roles",
        command,
        "--config",
        str(files.folder / "controller.yaml"),
    ]
    before, began = sum(control.calls().values()), perf_counter()
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=dict(os.environ))
    seconds = perf_counter() - began
    if done.returncode != 0:
        raise click.ClickException(f"{command} ends with {done.returncode}: {done.stderr[-2000:]}")
    return _Run(seconds, sum(control.calls().values()) - before)


def _written(folder: Path, lab: RunningLab, grants: int) -> PolicyFiles:
    """A template for every fourth grant, and each grant on a host of its own."""
    files = PolicyFiles(folder)
    (folder / "roles" / "cim-ticket.yaml").unlink()
    for number in range(TEMPLATES):
        privileges = "privileges:\n  - {id: Host.Cim.CimInteraction, reason: the ticket}\n"
        text = f"name: t-{number}\ndescription: Template {number}\n{OBLIGATORY}{privileges}"
        files.put(f"roles/t-{number}.yaml", text)
    files.change("vcenters.yaml", "host: vc.example.com", f"host: localhost\n    port: {lab.port}")
    files.change("vcenters.yaml", "ca_file: ca.pem", f"ca_file: {lab.ca_file}")
    files.change("controller.yaml", "svc-controller@vsphere.local", CONTROLLER_USER)
    files.change("controller.yaml", "{credential: prod-password}", f"{{file: {lab.controller_password}}}")
    _grants(files, lab, grants)
    return files


def _grants(files: PolicyFiles, lab: RunningLab, number: int) -> None:
    paths = [host["path"] for host in LabControl(lab.control).hosts()]
    files.put("grants.yaml", "grants:\n" + "".join(_grant(each, paths[each]) for each in range(number)))


def _grant(number: int, path: str) -> str:
    return (
        f"  g-{number}:\n    app: nagios\n    template: t-{number % TEMPLATES}\n    account: cim-a\n"
        f"    scope: [{path}]\n    owner: storage team\n    reason: disks fail\n"
        "    valid_until: 2027-01-01T00:00:00Z\n"
    )
