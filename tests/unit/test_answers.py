"""Tests that answers are complete as CSV and JSON, and harmless and readable as a table."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tasks.queries.answer_formats import TABLE_ROWS, format_answer
from tasks.support.wording import escape_controls


def write(
    rows: Sequence[Sequence[Any]], form: str, names: Sequence[str] | None = None, **options: Any
) -> str:
    columns = [(name, "VARCHAR") for name in names or [f"c{place}" for place in range(len(rows[0]))]]
    batches = [rows[start : start + 3] for start in range(0, len(rows), 3)]
    return "".join(format_answer(columns, iter(batches), form, **options))


TEXTS = st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8), st.lists(TEXTS, min_size=3, max_size=3))
def test_csv_gives_every_text_back(rows: list[tuple[str, ...]], names: list[str]) -> None:
    written = write(rows, "csv", names)
    header, *found = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert header == names
    assert [tuple(row) for row in found] == rows


@given(st.lists(st.tuples(VALUES, VALUES), max_size=8), st.lists(TEXTS, min_size=2, max_size=2, unique=True))
def test_json_gives_every_value_back(rows: list[tuple[Any, ...]], names: list[str]) -> None:
    found = json.loads(write(rows, "json", names))
    assert found == [dict(zip(names, row, strict=True)) for row in rows]


@pytest.mark.slow
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8), st.integers(20, 120))
def test_a_table_is_a_box_without_control_characters(rows: list[tuple[Any, ...]], width: int) -> None:
    *box, counted = write(rows, "table", width=width).rstrip("\n").split("\n")
    assert len(box) == len(rows) + 4
    assert len({cell_len(line) for line in box}) == 1
    assert not [line for line in box if not line.isprintable() and escape_controls(line) != line]
    assert counted.startswith(f"({len(rows)} row")


def test_a_table_stops_after_some_rows_and_says_so() -> None:
    text = write([[number] for number in range(TABLE_ROWS + 1)], "table")
    assert text.count("\n") == TABLE_ROWS + 5
    assert f"(the first {TABLE_ROWS} rows: --format csv shows all)" in text


def test_an_empty_answer_has_its_columns_in_every_form() -> None:
    assert "│ a │ b │" in write([], "table", ["a", "b"])
    assert write([], "csv", ["a", "b"]) == "a,b\n"
    assert json.loads(write([], "json", ["a", "b"])) == []


def test_codes_that_steer_a_terminal_are_shown_as_text_in_a_table_and_in_json() -> None:
    hostile = "\x1b[2J\x9b31m\u202egood\u2028\x7f\x07"
    for form in ("table", "json"):
        text = write([[hostile]], form)
        assert not set(hostile) - set("good[2J31m") & set(text)
    assert r"\x1b[2J\x9b31m\u202egood\u2028\x7f\x07" in write([[hostile]], "table")
    assert json.loads(write([[hostile]], "json")) == [{"c0": hostile}]


@pytest.mark.parametrize(
    ("value", "as_csv", "as_json", "as_table"),
    [
        (None, "", None, "NULL"),
        (float("nan"), "nan", None, "nan"),
        (0.1 + 0.2, "0.30000000000000004", 0.1 + 0.2, "0.3"),
        (Decimal("1.50"), "1.50", 1.5, "1.50"),
        (date(2026, 3, 1), "2026-03-01", "2026-03-01", "2026-03-01"),
        (b"a\\\xff\n", r"a\x5C\xFF\x0A", r"a\x5C\xFF\x0A", r"a\x5C\xFF\x0A"),
        ([1, None, float("nan")], "[1, null, null]", [1, None, None], "[1, null, null]"),
    ],
)
def test_each_kind_of_value_has_one_spelling(value: Any, as_csv: str, as_json: Any, as_table: str) -> None:
    rows = list(csv.reader(io.StringIO(write([[value, "x"]], "csv"), newline="")))
    assert rows[1] == [as_csv, "x"]
    assert json.loads(write([[value]], "json")) == [{"c0": as_json}]
    assert write([[value]], "table").split("\n")[3].strip("│ ") == as_table


def test_a_column_of_json_is_a_value_in_json() -> None:
    written = "".join(format_answer([("extra", "JSON")], iter([[('{"a": [1]}',), (None,)]]), "json"))
    assert json.loads(written) == [{"extra": {"a": [1]}}, {"extra": None}]


def test_equal_names_of_columns_are_told_apart_in_json() -> None:
    assert json.loads(write([[1, 2, 3]], "json", ["a", "a", "a_1"])) == [{"a": 1, "a_1": 2, "a_1_1": 3}]
