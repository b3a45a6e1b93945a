"""The YAML reader: strict, and it says file, line and key of everything that it does not take."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.policy.documents import MAX_DEPTH, read_document
from broker.policy.nodes import Plain, plain
from broker.policy.problems import WHOLE_FILE, Problems
from broker.policy.texts import MAX_BYTES
from tests.support.policy_problems import Found, found

AMBIGUOUS = "means different things to different YAML versions"
CONTROL = "an escape makes an invisible or control character"


def read(folder: Path, content: str | bytes) -> tuple[Plain, list[Found]]:
    file = folder / "x.yaml"
    file.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    problems = Problems()
    document = read_document(file, problems)
    return (plain(document.root) if document else None), found(problems.found())


@pytest.mark.parametrize(
    ("text", "line", "key", "problem"),
    [
        ("a: 1\na: 2\n", 2, "a", "stands twice; first in line 1"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "a.b", "stands twice; first in line 2"),
        ("a: {b: 1, b: 2}\n", 1, "a.b", "stands twice; first in line 1"),
        ("a: &x 1\n", 1, "a", "carries a YAML anchor"),
        ("a: &x [1]\n", 1, "a", "carries a YAML anchor"),
        ("a: 1\nb: *a\n", 2, "b", "is a YAML alias"),
        ("a: !!str 1\n", 1, "a", "carries a YAML tag"),
        ("a: !!python/object/apply:os.system [id]\n", 1, "a", "carries a YAML tag"),
        ("a: ! b\n", 1, "a", "carries a YAML tag"),
        ("1: a\n", 1, "(unreadable key)", "a key must be a text"),
        ("true: a\n", 1, "(unreadable key)", "a key must be a text"),
        ("~: a\n", 1, "(unreadable key)", "a key must be a text"),
        ("? [a, b]\n: c\n", 1, "(unreadable key)", "a key must be a text"),
        ("a: {? {b: 1} : 2}\n", 1, "a.(unreadable key)", "a key must be a text"),
        ("no: a\n", 1, "(unreadable key)", AMBIGUOUS),
        ("<<: {a: 1}\n", 1, "(unreadable key)", AMBIGUOUS),
        ("a: 1\n---\nb: 2\n", 2, WHOLE_FILE, "holds a second YAML document"),
        ("%YAML 1.1\n---\na: 1\n", 1, WHOLE_FILE, "a YAML directive is not taken"),
        ("%TAG !e! tag:x,2000:\n---\na: 1\n", 1, WHOLE_FILE, "a YAML directive is not taken"),
        ("", 1, WHOLE_FILE, "is empty"),
        ("# only words\n", 1, WHOLE_FILE, "is empty"),
        ("- a\n", 1, WHOLE_FILE, "holds no mapping of keys"),
        ("just words\n", 1, WHOLE_FILE, "holds no mapping of keys"),
        ("a: 1\nb: 2\x00\n", 2, WHOLE_FILE, "holds the invisible or control character U+0000"),
        ("a: 1\rb: 2\r", 1, WHOLE_FILE, "holds the invisible or control character U+000D"),
        ("\ufeffa: 1\n", 1, WHOLE_FILE, "holds the invisible or control character U+FEFF"),
        ("a: x\u202ey\n", 1, WHOLE_FILE, "holds the invisible or control character U+202E"),
        ("a: x\u2028y\n", 1, WHOLE_FILE, "holds the invisible or control character U+2028"),
        ("a: x\u200by\n", 1, WHOLE_FILE, "holds the invisible or control character U+200B"),
        ("a: \uffff\n", 1, WHOLE_FILE, "holds the invisible or control character U+FFFF"),
        ('a: "x\\0"\n', 1, "a", CONTROL),
        ('a: ["x", "\\u202e"]\n', 1, "a[1]", CONTROL),
        ('a: "\\ud800"\n', 1, WHOLE_FILE, "an escape stands for no character"),
        ('"a\\e": 1\n', 1, "(unreadable key)", CONTROL),
        ('a: "\\U00110000"\n', 1, WHOLE_FILE, "an escape stands for no character"),
        ('a: "\\UFFFFFFFF"\n', 1, WHOLE_FILE, "an escape stands for no character"),
        ('a: 1\nb: "x\\q"\n', 2, WHOLE_FILE, "a backslash begins an escape that does not exist"),
        ("a:\n\tb: 1\n", 2, WHOLE_FILE, "a character stands here that cannot begin a value"),
        ("a: 1\nb: c: d\n", 2, WHOLE_FILE, "a `:` stands where no key can be"),
        ("a: 1\n b: 2\n", 2, WHOLE_FILE, "a `:` stands where no key can be"),
        ("a: 1\nb\nc: 2\n", 3, WHOLE_FILE, "a key lacks its `:`"),
        ("a:\n  - b\n  c: d\n", 3, WHOLE_FILE, "the indentation does not fit the lines above"),
        ("a: 'b\n", 2, WHOLE_FILE, "a quote is not closed"),
        ("a: [1, 2\n", 2, WHOLE_FILE, "the YAML cannot be read from here on"),
        ("a: !x!y 1\n", 1, WHOLE_FILE, "the YAML cannot be read from here on"),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_told_with_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, problem: str
) -> None:
    _, problems = read(tmp_path, text)
    assert Found("x.yaml", line, key, problem) in problems


@pytest.mark.parametrize(
    "text",
    ["no", "Yes", "ON", "off", "y", "N", "True", "FALSE", "Null", "NULL",
     "010", "0o17", "0x1F", "0b11", "1_000", "+1", "-0", "1:30", "190:20:30.15", "1e3", "1.5e+3", ".5", "5.",
     ".inf", "-.INF", ".nan", "2027-01-01", "2027-01-01T00:00:00", "2027-01-01 00:00:00Z", "=", "<<",
     "1" * 19, "0." + "1" * 16],
)  # fmt: skip
def test_a_bare_word_that_versions_of_yaml_read_differently_is_refused(tmp_path: Path, text: str) -> None:
    _, problems = read(tmp_path, f"a:\n  - fine\n  - {text}\n")
    assert problems == [Found("x.yaml", 3, "a[1]", AMBIGUOUS)]


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("text", ["no", "010", "1:30", "2027-01-01", "1e3", "<<", "null", "true", "7", ""])
def test_a_quoted_text_is_a_text(tmp_path: Path, quote: str, text: str) -> None:
    assert read(tmp_path, f"a: {quote}{text}{quote}\n") == ({"a": text}, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-7", -7), ("0", 0), ("0.5", 0.5), ("-12.25", -12.25), ("true", True), ("false", False),
     ("null", None), ("~", None), ("", None), ("a b", "a b"), ("x:y", "x:y"), ("[a, 1]", ("a", 1)),
     ("{}", {}), ("2027-06-30T00:00:00Z", "2027-06-30T00:00:00Z"), ("|\n  a\n  b", "a\nb\n"),
     ("2027-06-30T00:00:00.5+02:00", "2027-06-30T00:00:00.5+02:00"), ("/DC/host", "/DC/host"),
     ("1.2.3", "1.2.3"), ("Grüße", "Grüße")],
)  # fmt: skip
def test_a_plain_value_is_read_as_every_yaml_version_reads_it(
    tmp_path: Path, text: str, value: object
) -> None:
    assert read(tmp_path, f"a: {text}\n") == ({"a": value}, [])


def test_lines_that_end_as_on_windows_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\r\nb: 2\r\n") == ({"a": 1, "b": 2}, [])


def test_everything_that_is_wrong_is_told_at_once_and_sorted_by_line(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "b: &x 1\na: no\nc: *x\nb: 2\n")
    assert [(p.line, p.key) for p in problems] == [(1, "b"), (2, "a"), (3, "c"), (4, "b")]


@pytest.mark.parametrize("nested", ["{a: " * 500 + "1" + "}" * 500, "[" * 100_000])
def test_deep_nesting_is_refused(tmp_path: Path, nested: str) -> None:
    _, problems = read(tmp_path, f"a: {nested}\n")
    assert [p.problem for p in problems] == ["is nested too deeply"]


def test_as_deep_as_anything_here_goes_is_read(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "\n")
    assert problems == []


def test_a_mebibyte_is_read_and_a_byte_more_is_not(tmp_path: Path) -> None:
    filling = "a: 1\n#"
    assert read(tmp_path, filling + "x" * (MAX_BYTES - len(filling)))[1] == []
    _, problems = read(tmp_path, filling + "x" * (MAX_BYTES - len(filling) + 1))
    assert problems == [Found("x.yaml", 1, WHOLE_FILE, "is larger than 1 MiB")]


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    assert read(tmp_path, b"a: 1\nb: \xff\n") == (None, [Found("x.yaml", 2, WHOLE_FILE, "is not UTF-8 text")])


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    problems = Problems()
    assert read_document(tmp_path / "none.yaml", problems) is None
    assert found(problems.found()) == [
        Found("none.yaml", 1, WHOLE_FILE, "cannot be read: No such file or directory")
    ]


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    problems = Problems()
    assert read_document(tmp_path, problems) is None
    assert [p.problem for p in problems.found()] == ["is not a regular file"]


def test_a_syntax_error_does_not_repeat_the_text(tmp_path: Path) -> None:
    for text in (
        "p: 'hunter2\n",
        "p: hunter2: x\n",
        "p: !hunter2!x y\n",
        'p: "hunter2\\q"\n',
        "p: [hunter2\n",
    ):
        file = tmp_path / "x.yaml"
        file.write_text(text)
        problems = Problems()
        read_document(file, problems)
        assert problems.found()
        assert "hunter2" not in "".join(map(str, problems.found()))


_KEYS = st.from_regex(r"[a-z_]{2,8}", fullmatch=True)
_LETTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"), exclude_characters="\uffff\ufffe"
)
_SCALARS = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(_LETTERS, max_size=20)
_VALUES = st.recursive(
    _SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=4),
    max_leaves=12,
)


def _as_tuples(value: object) -> object:
    if isinstance(value, list):
        return tuple(map(_as_tuples, value))
    if isinstance(value, dict):
        return {key: _as_tuples(item) for key, item in value.items()}
    return value


def _depth(value: object) -> int:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, below), default=0) if isinstance(value, dict | list) else 0


def _written(value: object) -> str:
    """Flow YAML in which every text is quoted."""
    match value:
        case dict():
            return "{" + ", ".join(f"'{key}': {_written(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_written, value)) + "]"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case _:
            return str(value)


@settings(max_examples=80, deadline=None)
@given(content=st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4))
def test_what_is_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    value, problems = read(tmp_path_factory.mktemp("yaml"), _written(content))
    if _depth(content) <= MAX_DEPTH:
        assert problems == []
        assert value == _as_tuples(content)


@settings(max_examples=60, deadline=None)
@given(content=st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4))
def test_what_another_writer_of_yaml_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object]
) -> None:
    text = yaml.safe_dump(content, allow_unicode=True, default_flow_style=False, sort_keys=False)
    value, problems = read(tmp_path_factory.mktemp("yaml"), text)
    if _depth(content) <= MAX_DEPTH and not problems:
        assert value == _as_tuples(content)


_PIECES = (
    "a", "b: ", ": ", "- ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&x ", "*x", "!!str ", "'", '"', "|\n",
    ">-\n", "#", "---\n", "...\n", "%YAML 1.2\n", "? ", "\t", "no", "1", "2027-01-01", "\\U00110000",
    "<<: ", "\x00",
)  # fmt: skip
_YAMLISH = st.lists(st.sampled_from(_PIECES), max_size=25).map("".join)


@settings(max_examples=200, deadline=None)
@given(text=st.one_of(st.binary(max_size=60), st.text(max_size=60), _YAMLISH))
def test_no_text_makes_the_reader_fail_in_another_way(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes
) -> None:
    value, problems = read(tmp_path_factory.mktemp("yaml"), text)
    assert problems or isinstance(value, dict)
