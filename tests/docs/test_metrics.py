"""The reference of the metrics is what the code has, no more and no less."""

from pathlib import Path

from broker.metrics.families import FAMILIES
from tests.docs.render_metrics import LABELS, rendered

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_every_label_is_explained_and_every_explained_label_is_used() -> None:
    assert set(LABELS) == {label for family in FAMILIES for label in family.labels}


def test_no_metric_stands_twice() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()
