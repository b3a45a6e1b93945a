"""Files and functions stay small, and every room says what it is for."""

import ast
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted((ROOT / "broker").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 400
ROOMS = sorted({file.parent for file in PRODUCT})


def length(file: Path) -> int:
    return len(file.read_text().splitlines())


def function_lengths(file: Path) -> list[int]:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    assert [
        f"{file.relative_to(ROOT)}: {length(file)}" for file in [*PRODUCT, *TESTS] if length(file) > LONGEST
    ] == []


def test_the_median_file_has_at_most_one_hundred_and_fifty_lines() -> None:
    assert median(length(file) for file in PRODUCT if length(file) >= 3) <= 150


def test_the_median_function_has_at_most_twelve_lines() -> None:
    assert median(lines for file in PRODUCT for lines in function_lengths(file)) <= 12


def test_a_function_is_measured_from_def_to_its_last_line(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text("def f(\n    x,\n):\n    return x\n\n\nclass C:\n    def g(self): ...\n")
    assert function_lengths(file) == [4, 1]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(ROOT).as_posix())
def test_every_room_says_what_it_is_for(room: Path) -> None:
    door = room / "__init__.py"
    assert door.is_file(), f"{room.relative_to(ROOT)} has no __init__.py"
    assert ast.get_docstring(ast.parse(door.read_text())), f"{door.relative_to(ROOT)} has no docstring"
