"""What the collector of garbage is spared, and that it works on."""

import gc
from collections.abc import Iterator

import pytest

from broker.cli.garbage import staying


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What the rest of the tests made is not to stay."""
    yield
    gc.unfreeze()


def test_what_a_command_imports_is_looked_through_by_no_collection() -> None:
    with staying():
        imported: list[object] = []
    assert not any(each is imported for each in gc.get_objects())


def test_nothing_is_collected_while_a_command_is_imported() -> None:
    with staying():
        assert not gc.isenabled()


def test_what_the_command_makes_later_is_collected() -> None:
    with staying():
        pass
    made: list[object] = []
    assert any(each is made for each in gc.get_objects())
    assert gc.isenabled()


def test_garbage_is_collected_after_an_import_that_failed() -> None:
    with pytest.raises(ImportError), staying():
        raise ImportError
    assert gc.isenabled()
