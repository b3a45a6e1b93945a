"""docs/lint.md is what the rules and their examples say."""

from pathlib import Path

from tests.docs.render_lint import rendered

PAGE = Path(__file__).parents[2] / "docs/lint.md"


def test_the_page_of_the_rules_is_rendered_from_them() -> None:
    assert PAGE.read_text() == rendered(), "run: python -m tests.docs.render_lint > docs/lint.md"
