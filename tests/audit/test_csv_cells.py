"""What a stranger wrote stays text in whatever reads the CSV."""

import csv
import io

import pytest

from broker.audit.csv_cells import cell, csv_lines


@pytest.mark.parametrize(
    "formula",
    ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", " =1+1", "\t=1+1", "\r\n=1+1", "|calc", "\uff1d1+1"],
)
def test_no_text_is_taken_for_a_formula(formula: str) -> None:
    (read,) = next(csv.reader(io.StringIO(next(csv_lines([formula], [])))))
    assert read[0] not in "=+-@|\t\r\n\uff1d"
    assert not read.lstrip().startswith(("=", "+", "-", "@", "|", "\uff1d"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (-3, "-3"),
        (True, "true"),
        ("esx01.example.com", "esx01.example.com"),
        (["a", "b"], '["a", "b"]'),
        ({"b": 2, "a": 1}, '{"a": 1, "b": 2}'),
        ("a\nb\u202ec", "a\ufffdb\ufffdc"),
    ],
)
def test_what_is_no_formula_is_told_as_it_is(value: object, text: str) -> None:
    assert cell(value) == text


def test_commas_and_quotes_stay_inside_their_cell() -> None:
    rows = [('a,b;"c"', 1), ("", None)]
    read = list(csv.reader(io.StringIO("".join(csv_lines(("name", "count"), rows)))))
    assert read == [["name", "count"], ['a,b;"c"', "1"], ["", ""]]
