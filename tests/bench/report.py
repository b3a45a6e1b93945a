"""What a run found, for people and for machines."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import click

from broker.console import Format, show
from tests.bench.bounds import Judged, Verdict
from tests.bench.figures import Figure
from tests.bench.machine import Machine
from tests.bench.measurement import Measurement

SIDES = (
    "part",
    "side",
    "at once",
    "in a s",
    "p50 ms",
    "p99 ms",
    "longest",
    "CPU s: lab",
    "load",
    "broker",
    "lab's share",
)


def show_report(machine: Machine, figures: Sequence[Figure], bounds: Sequence[Judged]) -> None:
    """Print what the figures are made of, the figures, and the bounds."""
    click.echo(machine.told())
    click.echo("\nWhat was measured: medians of the rounds, the longest of all, and CPU seconds of one round")
    show(Format.TABLE, SIDES, [row for figure in figures for row in _sides(figure)])
    click.echo("\nFigures: medians of the rounds that are not void")
    show(Format.TABLE, ("part", "figure", "value", "broker"), [_figure(figure) for figure in figures])
    for figure in figures:
        for note in figure.notes:
            click.echo(f"  {figure.key}: {note}")
    click.echo("\nBounds")
    show(Format.TABLE, ("part", "bound on", "bound", "value", "verdict"), [_bound(each) for each in bounds])


def write_report(file: Path, machine: Machine, figures: Sequence[Figure], bounds: Sequence[Judged]) -> None:
    """Every round as JSON."""
    document = {
        "machine": asdict(machine),
        "figures": [figure.document() for figure in figures],
        "bounds": [each.document() for each in bounds],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2) + "\n")


def unmet(bounds: Iterable[Judged]) -> list[Judged]:
    """The bounds that were missed, and those that nothing is known of."""
    return [each for each in bounds if each.verdict is not Verdict.MET]


def _sides(figure: Figure) -> list[tuple[str, ...]]:
    rounds = [sample.parts for sample in figure.samples]
    return [_side(figure.key, parts) for parts in zip(*rounds, strict=True)]


def _side(key: str, rounds: Sequence[Measurement]) -> tuple[str, ...]:
    answers, cpu = [each.answers for each in rounds], [each.cpu for each in rounds]
    return (
        key,
        rounds[0].side,
        str(rounds[0].concurrency),
        f"{median(each.rate for each in answers):.1f}",
        f"{median(each.latency.p50 for each in answers):.2f}",
        f"{median(each.latency.p99 for each in answers):.2f}",
        f"{max(each.latency.longest for each in answers):.1f}",
        f"{median(sum(each.labs) for each in cpu):.2f}",
        f"{median(each.load for each in cpu):.2f}",
        f"{median(each.broker for each in cpu):.2f}",
        f"{median(each.lab_share for each in cpu):.0%}",
    )


def _figure(figure: Figure) -> tuple[str, ...]:
    return figure.key, figure.name, _value(figure.value, figure.unit), figure.settings


def _bound(each: Judged) -> tuple[str, ...]:
    return each.bound.figure, each.name, each.bound.told(), _value(each.value, ""), str(each.verdict)


def _value(value: float | None, unit: str) -> str:
    return "void" if value is None else f"{value:.3g} {unit}".rstrip()
