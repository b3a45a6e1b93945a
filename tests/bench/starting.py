"""(e) From the start of `broker serve` to the first ticket, and the memory that it takes."""

import compileall
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

import click

import broker
from broker.client.api import BrokerClient
from broker.client.errors import BrokerRefused, BrokerUnreachable
from broker.demo.processes import Children
from tests.bench.cpu import memory_mb, tree
from tests.bench.figures import Figure, Sample
from tests.bench.ground import Ground, new_ground
from tests.bench.labs import LabSize, Target
from tests.bench.plan import Plan
from tests.bench.served import BrokerSide, credential, start_serve
from tests.bench.site import Serving, set_serving

FEW, MANY = 50, 2_500
FIRST_TICKET_WITHIN_S = 60.0
ASK_AGAIN_S = 0.01
SERVICE_UNAVAILABLE = 503


def figures(plan: Plan) -> list[Figure]:
    """Starts with few hosts and with many, and the memory with many.

    Of a broker that is compiled, as installing it does; in a checkout it may not be.
    """
    compileall.compile_dir(Path(broker.__file__).parent, quiet=1)
    with new_ground(plan.root / "few", 1, LabSize(FEW)) as ground:
        told = [_starts(plan, ground, FEW)]
    with new_ground(plan.root / "many", 1, LabSize(MANY)) as ground:
        return [*told, _starts(plan, ground, MANY), *_memory(plan, ground)]


def _starts(plan: Plan, ground: Ground, hosts: int) -> Figure:
    serving = Serving()
    set_serving(ground.site, serving)
    taken = []
    for number in range(1, plan.rounds + 1):
        plan.say(f"(e) start {number} with {hosts} hosts")
        with _started(ground) as started:
            taken.append(Sample(started.seconds))
    name = f"start to first ticket, {hosts} hosts"
    return Figure(f"e.{hosts}", name, "s", serving.told(), tuple(taken))


def _memory(plan: Plan, ground: Ground) -> list[Figure]:
    plan.say(f"(e) memory with {MANY} hosts")
    with _started(ground) as started:
        BrokerSide(ground, [started.pid]).visit()
        resident, proportional = max(memory_mb(pid) for pid in tree(started.pid))
    what, told = f"of the largest process, {MANY} hosts", Serving().told()
    return [
        Figure("e.memory", f"VmRSS {what}", "MB", told, (Sample(resident),)),
        Figure("e.memory.pss", f"PSS {what}", "MB", told, (Sample(proportional),)),
    ]


@dataclass(frozen=True, slots=True)
class _Started:
    """A broker that has issued one ticket, and the seconds from its start until then."""

    pid: int
    seconds: float


@contextmanager
def _started(ground: Ground) -> Iterator[_Started]:
    site, first = ground.site, ground.targets[0]
    children = Children(site.root)
    try:
        with BrokerClient(site.url, site.broker_ca, credential(site)) as client:
            start = perf_counter()
            process = start_serve(children, site)
            deadline = start + FIRST_TICKET_WITHIN_S
            while not _has_ticket(client, first):
                if process.poll() is not None or perf_counter() > deadline:
                    raise click.ClickException(f"the broker issues nothing: {children.log_of('serve')}")
                sleep(ASK_AGAIN_S)
            yield _Started(process.pid, perf_counter() - start)
    finally:
        children.close()


def _has_ticket(client: BrokerClient, target: Target) -> bool:
    """Asks once, an access token included; nothing listens yet, or not all is there yet, is no ticket."""
    try:
        client.ticket(target.name, vcenter=target.vcenter)
    except BrokerUnreachable:
        return False
    except BrokerRefused as refused:
        if refused.status != SERVICE_UNAVAILABLE:
            raise
        return False
    return True
