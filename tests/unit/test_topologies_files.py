"""Reading input files: what stands where, and how it is told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topologies.files import parse_document, plain, read_document
from topologies.problems import InputError, Problem, dotted, shown, suggestion, unknown

TEXT = """\
name: x
sites:
  - id: a
    hosts: [{role: gpu},
            {role: user}]
  - {id: b}
"""


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (("name",), "f:1: name"),
        (("sites", 0, "hosts", 1, "role"), "f:5: sites[0].hosts[1].role"),
        (("sites", 1, "id"), "f:6: sites[1].id"),
        (("sites", 1, "missing"), "f:6: sites[1].missing"),
        (("sites", 7), "f:2: sites[7]"),
        (("nothing",), "f: nothing"),
        ((), "f: (the whole file)"),
    ],
)
def test_place_has_its_line(location: tuple[str | int, ...], told: str) -> None:
    assert parse_document("f", TEXT).locate(location) == told


def test_plain_data_has_no_line_information() -> None:
    data = plain(parse_document("f", TEXT).data)
    assert type(data) is dict
    assert type(data["sites"]) is list
    assert type(data["sites"][0]["id"]) is str


def test_numbers_keep_their_kind() -> None:
    data = plain(parse_document("f", "a: 1\nb: 1.5\nc: true\nd: 0x10\ne: 1e3\nf: null\n").data)
    assert data == {"a": 1, "b": 1.5, "c": True, "d": 16, "e": 1000.0, "f": None}
    assert [type(data[key]) for key in "abcd"] == [int, float, bool, int]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not empty"),
        ("- a\n- b\n", "not a list"),
        ("a: 1\na: 2\n", "f:2: not valid YAML: found duplicate key"),
        ("a: [1, 2\n", "not valid YAML"),
        ("a: \x07\n", "not valid YAML"),
        ("just words", "not a single value"),
    ],
)
def test_bad_text_is_told(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_document("f", text)
    assert message in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InputError):
        assert isinstance(plain(parse_document("f", text).data), dict)


def test_unreadable_files(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, message in (
        (tmp_path / "none.yaml", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, "not a text file"),
    ):
        with pytest.raises(InputError, match=message):
            read_document(path)


def test_words_of_messages() -> None:
    assert dotted(("a", 1, "b")) == "a[1].b"
    assert suggestion("quincey", ["quincy"]) == " (did you mean 'quincy'?)"
    assert suggestion("zzz", ["quincy"]) == ""
    assert unknown("site", "x", []) == "unknown site 'x'; there are: none"
    assert unknown("site", "x", [f"n{i:02}" for i in range(30)]).endswith("n19, …")
    assert len(shown("x" * 1000)) == 60


def test_a_problem_is_told_once() -> None:
    problem = Problem("here", "wrong")
    assert InputError([problem, problem]).problems == (problem,)
