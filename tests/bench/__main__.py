"""`python -m tests.bench`: what the broker costs, as ratios to what one would do without it.

Each figure is a ratio or a difference of two things measured side by side: every round measures the one and,
right after it, the other, every other round in reverse order, and the figure is the median of the rounds.

What is fair about it, and what is not:
- Everything runs on one machine and shares its cores: the simulated vCenters, the load, the broker, the bare
  client. What one takes the others lack, as in a small installation. The CPU seconds of each are printed.
- Both sides ask the same vCenters for the same hosts as the same account, over TLS connections that are
  kept and warm before the first ticket counts. All verify certificates but wrk, which cannot; its handshakes
  do not count, so this saves it nothing.
- Few hosts are asked for often, so that many tickets share a proof of privileges, as the default age of
  proofs allows. An app that asks for each host every few minutes finds none that is young enough: what a
  ticket costs then stands beside it, as measured at age 0.
- The bare client is one interpreter with so many threads, sessions and connections pooled: what a good Python
  program does. It finds no host, checks no grant, proves nothing and records nothing.
- The load on the broker is wrk, a compiled program that takes little of what the broker could use; the bare
  client is its own load.
- Each connection asks again as soon as it has its answer. Under such load latency follows from throughput;
  what a client that asks on a schedule would wait is not shown.
- The vCenters take 20 ms for the ticket call and 5 ms for every other, in processes of their own, as many as
  it takes for none to be what is measured. A round in which they used more than 60 % of the CPU, one of them
  nearly a whole CPU, or an answer was no ticket, is void; a figure is void where most rounds are, and a void
  figure meets no bound.
- What a ticket waits for twice, a durable write, depends on the disk, so the disk's own is printed beside.
- Limits are lifted so far that nothing meets them, and still counted.
- The log alone (from j on) is held against a loop that writes as many bytes as a record has and waits for
  `fdatasync`, on the same disk in the same round. What is told of it in milliseconds is what this disk gives.

Ends with 1 where a bound is missed.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import click

from tests.bench import (
    against_script,
    appending,
    batches,
    drifting,
    growing,
    linting,
    log_share,
    million,
    one_ticket,
    planning,
    starting,
    throughput,
)
from tests.bench.bounds import judged
from tests.bench.figures import Figure
from tests.bench.machine import this_machine
from tests.bench.plan import Plan
from tests.bench.programs import program
from tests.bench.report import show_report, unmet, write_report

CACHE = Path(__file__).resolve().parents[2] / ".cache"

ENDED = 128 + signal.SIGTERM

PARTS: Mapping[str, Callable[[Plan], list[Figure]]] = MappingProxyType(
    {
        "a": one_ticket.figures,
        "b": throughput.figures,
        "c": against_script.figures,
        "d": batches.figures,
        "e": starting.figures,
        "f": growing.figures,
        "g": drifting.figures,
        "h": planning.figures,
        "i": linting.figures,
        "j": appending.figures,
        "k": log_share.figures,
        "l": appending.on_postgresql,
        "m": million.figures,
    }
)


def _parts(_context: click.Context, _option: click.Parameter, told: str | None) -> list[str]:
    wanted = list(PARTS) if told is None else told.split(",")
    if unknown := [each for each in wanted if each not in PARTS]:
        raise click.BadParameter(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return wanted


@click.command()
@click.option("--only", "parts", callback=_parts, metavar="A,B", help="These parts, instead of all.")
@click.option(
    "--rounds", default=5, show_default=True, type=click.IntRange(1), help="Of which the median is told."
)
@click.option("--seconds", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Of one window.")
@click.option(
    "--out",
    default=CACHE / "bench.json",
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Every round, as JSON.",
)
def main(parts: list[str], rounds: int, seconds: float, out: Path) -> None:
    """Measure what the broker costs, side by side with what one would do without it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))  # what was started ends with us
    for name in ("wrk", "redis-server"):
        program(name)
    CACHE.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=CACHE, prefix="bench-") as root:
        plan = Plan(Path(root), rounds, seconds)
        machine = this_machine(plan.root)
        figures = [figure for part in parts for figure in PARTS[part](plan)]
    bounds = judged(figures)
    show_report(machine, figures, bounds)
    write_report(out, machine, figures, bounds)
    click.echo(f"\nEvery round: {out}")
    if missed := unmet(bounds):
        click.echo(f"Not met: {', '.join(each.bound.figure for each in missed)}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
