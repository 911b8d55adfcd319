"""Tests that sheets of workbooks are read as a person sees them, and that unfit ones are refused."""

import datetime as dt
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tasks.reading import workbooks
from tasks.reading.reader import read_review_file
from tasks.reading.rows import RawRows, ReadOptions
from tasks.reading.streams import ContainerLimits
from tests.support.profiles import make_profile
from tests.support.review_file_builders import flip, list_further, to_zip
from tests.support.workbook_builders import (
    Fault,
    Formula,
    Grid,
    encode_xlsx,
    write_xls,
    write_xlsx,
    write_xlsx_sheet,
)

GOOD: Grid = [["text", "stars"], ["A good film.", 8]]


def read(data: bytes, **options: Any) -> list[RawRows]:
    """Read a workbook in this process."""
    return list(workbooks.read_workbook(io.BytesIO(data), 1, ReadOptions(**options)))


def read_texts(data: bytes, **options: Any) -> list[str]:
    return [text for rows in read(data, **options) for text in rows.known["text"].to_pylist()]


def refuse(data: bytes, **options: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as refused:
        read(data, **options)
    return refused.value


# Cells


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (5.0, "5"),
        (4.5, "4.5"),
        (0.1 + 0.2, "0.3"),
        (1e21, "1e+21"),
        (-3, "-3"),
        (True, "TRUE"),
        (dt.date(2024, 3, 5), "2024-03-05"),
        (dt.datetime(2024, 3, 5, 6, 7, 8), "2024-03-05T06:07:08"),
        ("  é_x000D_ <b>&amp;\r\n\t", "  é_x000D_ <b>&amp;\r\n\t"),
        (Fault(), ""),
        (None, ""),
    ],
)
def test_a_cell_becomes_what_a_person_sees(cell: Any, expected: str) -> None:
    (rows,) = read(write_xlsx({"S": [["text", "value"], ["A film.", cell]]}))
    assert list_further(rows) == [{"value": expected} if expected else {}]


# Rows


def test_rows_above_the_header_and_empty_rows_are_no_rows() -> None:
    grid: Grid = [[], [None, None], ["text", "n"], ["a", 1], [None, None], ["b", 2]]
    (rows,) = read(write_xlsx({"S": grid}))
    assert rows.row_numbers.to_pylist() == [1, 2]
    assert rows.known["text"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize("row", [4, 5])
def test_a_profile_may_say_which_row_is_the_header(row: int) -> None:
    grid: Grid = [["Reviews of May"], [], ["Period:", "May"], [], ["id", "text", "n"], [1, "a", 1]]
    profile = make_profile("text", tables={"file": {"header": row}})
    (rows,) = read(write_xlsx({"S": grid}), profile=profile)
    assert (rows.known["text"].to_pylist(), list_further(rows)) == (["a"], [{"id": "1", "n": "1"}])
    assert refuse(write_xlsx({"S": grid})).rule == "text_column_missing"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Formula("A1&B1", "<v>4</v>"), "4"),
        (Formula("A1&B1", "<v>4</v>", "str"), "4"),
        (Formula('IF(A1="","",4)', "<v></v>", "str"), ""),
        (Formula("1/0", "<v>#DIV/0!</v>", "e"), ""),
    ],
)
def test_a_formula_has_the_value_that_was_saved(cell: Any, expected: str) -> None:
    (rows,) = read(write_xlsx({"S": [["Review", "Stars"], ["a", cell], ["b", None]]}))
    assert rows.known["given_rating"].to_pylist() == [expected, ""]


@pytest.mark.parametrize("value", ["<v></v>", "<v />", "<v/>", ""])
def test_a_workbook_with_a_formula_whose_value_was_not_saved_is_refused_with_the_step(value: str) -> None:
    error = refuse(write_xlsx({"S": [["Review", "Stars"], ["a", Formula('IF(A2="x",1,2)', value)]]}))
    assert error.rule == "workbook_broken"
    assert "B2 has a formula" in error.detail


MERGED: Grid = [
    ["Movie", "Review", "Stars"],
    ["Heat", "a", 4],
    [None, "b", 5],
    [None, "c", None],
    ["Up", "d", 1],
    [None, "e", 2],
]


@pytest.mark.parametrize("right", [0, 1])
def test_a_cell_that_is_merged_over_several_rows_has_its_value_in_each(right: int) -> None:
    grid: Grid = [[None] * right + list(row) for row in MERGED]
    name, stars = "AB"[right], "CD"[right]
    merged = [f"{name}2:{name}4", f"{name}5:{name}6", f"{stars}3:{stars}4", "X1:Z9"]
    (rows,) = read(write_xlsx({"S": grid}, merged=merged))
    assert rows.known["movie_id"].to_pylist() == ["Heat", "Heat", "Heat", "Up", "Up"]
    assert rows.known["given_rating"].to_pylist() == ["4", "5", "5", "1", "2"]


# Sheets


def test_the_only_sheet_with_a_text_is_read() -> None:
    sheets: dict[str, Grid] = {"Cover": [["Survey 2026"]], "Empty": [], "Data": GOOD, "Notes": [["n"], [1]]}
    assert read_texts(write_xlsx(sheets)) == ["A good film."]
    assert read_texts(write_xlsx({"Notes": [["text"]], "Data": GOOD})) == ["A good film."]


def test_a_hidden_sheet_is_passed_over() -> None:
    sheets = {"Old": [["text"], ["An old film."]], "Data": GOOD}
    assert read_texts(write_xlsx(sheets, hidden=["Old"])) == ["A good film."]


def test_a_profile_may_name_the_sheet() -> None:
    sheets = {"Old": [["text"], ["An old film."]], "Data": GOOD}
    profile = make_profile("text", tables={"file": {"sheet": "Data"}})
    assert read_texts(write_xlsx(sheets), profile=profile) == ["A good film."]
    assert refuse(write_xlsx({"Old": GOOD}), profile=profile).rule == "sheet_missing"


@pytest.mark.parametrize("other", [GOOD, [["Stars", "Comment"], [1, "A bad film."]]])
def test_of_two_sheets_with_texts_none_is_chosen_without_a_profile(other: Grid) -> None:
    error = refuse(write_xlsx({"of 2025": GOOD, "2026": other}))
    assert (error.rule, "'of 2025' and '2026'" in error.detail) == ("sheet_missing", True)
    assert "reviews sources init NAME FILE --sheet 'of 2025'" in error.detail


def test_a_sheet_is_not_read_beside_a_table_whose_text_may_have_another_name() -> None:
    legend: Grid = [["Column", "Comment"], ["Rating", "1 is the worst"]]
    data: Grid = [["Customer wrote", "Rating"], *[["A good film.", 9]] * 4]
    error = refuse(write_xlsx({"Legend": legend, "Data": data}))
    assert (error.rule, "'Legend' and 'Data'" in error.detail) == ("sheet_missing", True)
    assert "--sheet Data" in error.detail
    months = {
        "Jan": [["Date", "Review"], *[["1", "A."]] * 3],
        "Feb": [["Datum", "Kritik"], *[["1", "A."]] * 3],
    }
    assert "--sheet Jan" in refuse(write_xlsx(months)).detail
    assert read_texts(write_xlsx({"Data": [["text"], *[["A."]] * 4], "Movies": legend[:1]})) == ["A."] * 4


# What is not sound


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    data = write_xlsx({"S": [["text"], ["The same film. " * 100_000]]})
    limits = ContainerLimits(workbook_bytes=len(data), workbook_unpacked_bytes=1_000_000)
    assert refuse(data, limits=limits).rule == "workbook_too_large"


@pytest.mark.parametrize(
    "data",
    [
        encode_xlsx([{"text": "A film."}])[:-30],
        to_zip({"a.csv": b"text\nA film.\n"}),
        to_zip({"xl/workbook.xml": b"<workbook", "[Content_Types].xml": b"<"}),
        flip(encode_xlsx([{"text": "A film."}]), -600),
        write_xls({"S": GOOD})[:3000],
    ],
    ids=["cut off", "another zip", "no XML", "damaged part", "xls cut off"],
)
def test_a_damaged_workbook_is_refused(data: bytes) -> None:
    assert refuse(data).rule == "workbook_broken"


def write_bomb(sheet: str) -> bytes:
    """Write a workbook whose sheet is given as XML."""
    sound = zipfile.ZipFile(io.BytesIO(write_xlsx({"S": GOOD})))
    members = {name: sound.read(name) for name in sound.namelist()}
    return to_zip(members | {"xl/worksheets/sheet1.xml": sheet.encode()})


BOMBS = {
    "cells far apart": write_xlsx_sheet(GOOD).replace(
        "</sheetData>", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    ),
    "entities": '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {name} "{f"&{inner};" * 10}">'
        for inner, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
    + write_xlsx_sheet([["text"], ["A film."]]).replace("A film.", "&j;"),
}


@pytest.mark.process
@pytest.mark.parametrize(
    ("name", "rule"), [("cells far apart", "workbook_too_large"), ("entities", "workbook_broken")]
)
def test_a_workbook_that_asks_for_too_much_memory_is_refused(tmp_path: Path, name: str, rule: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(write_bomb(BOMBS[name]))
    with pytest.raises(FileRefusedError, match=rule):
        list(read_review_file(path))


@pytest.mark.process
def test_a_workbook_that_states_a_smaller_size_than_it_unpacks_to_is_bounded(tmp_path: Path) -> None:
    packed = write_bomb(write_xlsx_sheet([["text"], ["The same film. " * 3_000_000]]))
    place = packed.rindex(b"xl/worksheets/sheet1.xml") - 46
    path = tmp_path / "a.xlsx"
    path.write_bytes(packed[: place + 24] + struct.pack("<I", 1000) + packed[place + 28 :])
    with pytest.raises(FileRefusedError, match="workbook_broken"):
        list(read_review_file(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html><table>", "a web page"),
        (b"\xef\xbb\xbf\n<table>", "a web page"),
        (b"text\tid\n", "call it .csv or .tsv"),
    ],
)
def test_a_file_that_only_has_the_name_of_a_workbook_is_refused_with_the_way_out(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "a.xls").write_bytes(content)
    with pytest.raises(FileRefusedError, match="format_mismatch") as refused:
        list(read_review_file(tmp_path / "a.xls"))
    assert says in refused.value.detail
