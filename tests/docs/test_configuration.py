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


def test_what_is_called_a_mapping_has_keys_of_its_own() -> None:
    names = [key.name for key in keys()]
    mappings = [key.name for key in keys() if key.type.endswith("mapping")]
    assert mappings
    for mapping in mappings:
        assert any(name.startswith((f"{mapping}.", f"{mapping}[].")) for name in names), mapping
