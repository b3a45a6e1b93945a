"""A figure: the median of its rounds, and what each round was made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Sample:
    """One round's value, and the measurements that it was made of."""

    value: float
    parts: tuple[Measurement, ...] = ()

    @property
    def void(self) -> str | None:
        """The first reason for which a part is void."""
        return next((part.void for part in self.parts if part.void), None)


@dataclass(frozen=True, slots=True)
class Figure:
    """What is told of one comparison. `key` is what bounds name it by; `settings` are the broker's."""

    key: str
    name: str
    unit: str
    settings: str
    samples: tuple[Sample, ...]

    @property
    def kept(self) -> tuple[Sample, ...]:
        """The rounds that are not void."""
        return tuple(sample for sample in self.samples if sample.void is None)

    @property
    def value(self) -> float | None:
        """The median of the rounds that count; None where most rounds are void, and so the figure."""
        if 2 * len(self.kept) <= len(self.samples):
            return None
        return median(sample.value for sample in self.kept)

    @property
    def notes(self) -> tuple[str, ...]:
        """Why rounds are void."""
        return tuple(
            f"round {number} is void: {sample.void}"
            for number, sample in enumerate(self.samples, 1)
            if sample.void
        )

    def document(self) -> dict[str, Any]:
        """For JSON: every round as it was measured."""
        rounds = [
            {"value": each.value, "void": each.void, "parts": [part.document() for part in each.parts]}
            for each in self.samples
        ]
        return {
            "figure": self.key,
            "name": self.name,
            "unit": self.unit,
            "settings": self.settings,
            "value": self.value,
            "rounds": rounds,
        }


Side = Callable[[], Measurement]


def side_by_side(rounds: int, *sides: Side) -> list[tuple[Measurement, ...]]:
    """Every round measures each side, one right after the other; every other round in reverse order.

    So what the machine does slowly meanwhile, becoming warm or busy, meets both alike.
    """
    measured: list[tuple[Measurement, ...]] = []
    for number in range(rounds):
        order = sides if number % 2 == 0 else sides[::-1]
        told = tuple(side() for side in order)
        measured.append(told if number % 2 == 0 else told[::-1])
    return measured


def samples(measured: Sequence[tuple[Measurement, ...]], value: Callable[..., float]) -> tuple[Sample, ...]:
    """A sample of each round; `value` is handed the round's measurements."""
    return tuple(Sample(value(*parts), parts) for parts in measured)


def rates(one: Measurement, other: Measurement) -> float:
    """How many times the tickets per second of the other."""
    return one.answers.rate / other.answers.rate
