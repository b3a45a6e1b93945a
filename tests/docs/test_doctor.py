"""The reference of findings is the catalogue, no more and no less."""

from pathlib import Path

from tests.docs.render_doctor import rendered

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == rendered()
