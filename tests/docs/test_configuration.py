"""The reference of the configuration is what the models say, no more and no less."""

from pathlib import Path

from broker.policy.reference import keys
from tests.docs.render_configuration import rendered

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_key_says_what_it_means() -> None:
    assert [key.name for key in keys() if not key.meaning] == []


def test_no_key_stands_twice() -> None:
    names = [(key.file, key.name) for key in keys()]
    assert len(names) == len(set(names))


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()
