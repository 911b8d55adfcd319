"""Tests that sheets of workbooks are read as a person sees them, and that unfit ones are refused."""

import datetime as dt
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from tasks.reading import workbooks
from tasks.reading.reader import read_review_file
from tasks.reading.rows import RawRows, ReadOptions
from tests.support.profiles import make_profile
from tests.support.review_file_builders import list_further, to_zip
from tests.support.workbook_builders import (
    Fault,
    Formula,
    Grid,
    to_compound_file,
    write_ods,
    write_xls,
    write_xlsx,
    write_xlsx_sheet,
)

GOOD: Grid = [["text", "stars"], ["A good film.", 8]]
DATA, OTHER = (make_profile("text", tables={"file": {"sheet": name}}) for name in ("Data", "Other"))


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
        (True, "TRUE"),
        (dt.date(2024, 3, 5), "2024-03-05"),
        (dt.datetime(2024, 3, 5, 6, 7, 8), "2024-03-05T06:07:08"),
        ("  é_x000D_ <b>&amp;\r\n\t", "  é_x000D_ <b>&amp;\r\n\t"),
        (Fault(), Fault().name),
        (None, ""),
    ],
)
def test_a_cell_becomes_what_a_person_sees(cell: Any, expected: str) -> None:
    (rows,) = read(write_xlsx({"S": [["text", "value"], ["A film.", cell]]}))
    assert list_further(rows) == [{"value": expected} if expected else {}]


# Rows


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_a_row_that_has_nothing_but_an_error_is_a_row(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_PIECE_BYTES", piece)
    grid: Grid = [["text"], ["a"], *([Fault()] for _ in range(9)), ["b"]]
    assert read_texts(write_xlsx({"S": grid})) == ["a", *[Fault().name] * 9, "b"]


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


def test_a_sheet_may_have_no_names_of_columns() -> None:
    profile = make_profile("column_2", tables={"file": {"header": 0}})
    assert read_texts(write_xlsx({"S": [[1, "a"], [0, "b"]]}), profile=profile) == ["a", "b"]


def test_a_table_may_begin_right_of_the_first_column() -> None:
    (rows,) = read(write_xlsx({"S": [[None, "text", "n"], [None, "a", 1]]}))
    assert (rows.known["text"].to_pylist(), list_further(rows)) == (["a"], [{"n": "1"}])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (Formula("A1&B1", "<v>4</v>"), "4"),
        (Formula("A1&B1", "<v>4</v>", "str"), "4"),
        (Formula('IF(A1="","",4)', "<v></v>", "str"), ""),
        (Formula("1/0", "<v>#DIV/0!</v>", "e"), "#DIV/0!"),
    ],
)
def test_a_formula_has_the_value_that_was_saved(cell: Any, expected: str) -> None:
    (rows,) = read(write_xlsx({"S": [["Review", "Stars"], ["a", cell], ["b", None]]}))
    assert rows.known["given_rating"].to_pylist() == [expected, ""]


@pytest.mark.parametrize("value", ["<v></v>", "<v />", ""])
def test_a_workbook_with_a_formula_whose_value_was_not_saved_is_refused_with_the_step(value: str) -> None:
    error = refuse(write_xlsx({"S": [["Review", "Stars"], ["a", Formula('IF(A2="x",1,2)', value)]]}))
    assert error.rule == "workbook_broken"
    assert "B2 has a formula" in error.detail


@pytest.mark.parametrize("piece", [8, 1 << 20])
@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ('<c r="B2"><f>', "<c\nr='B2' ><!-- it has --><f>"),
        ('<c r="B2"><f>', '<c r="B2" t="b"><f ca="1">' + "1+" * 9000),
        ("1+1", "<![CDATA[1+1]]>"),
        ("<v></v>", "<v> <!-- nothing --></v >"),
        ("<v></v>", "<extLst/>"),
        ("<", "<x:"),
    ],
)
def test_a_formula_without_a_value_is_found_however_the_xml_spells_it(
    cell: str, written: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "_PIECE_BYTES", piece)
    part, plain = "xl/worksheets/sheet1.xml", write_xlsx({"S": [["Review", "Stars"], ["a", Formula("1+1")]]})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members[part].decode().partition("?>")[2].replace(cell, written)
    members[part] = (
        sheet.replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=" if "<x:" in sheet else "xmlns=").encode()
    )
    assert refuse(to_zip(members)).rule == "workbook_broken"


def test_a_break_and_a_tab_in_a_text_of_an_ods_are_kept() -> None:
    plain = write_ods({"S": [["text", "stars"], ["oneXtwoYthree", 4]]})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = (
        members["content.xml"].replace(b"X", b"<text:line-break/>").replace(b"Y", b"<text:tab></text:tab>")
    )
    assert read_texts(to_zip({**members, "content.xml": content}, 0)) == ["one\ntwo\tthree"]


def test_a_formula_of_an_ods_without_a_value_is_refused() -> None:
    plain = write_ods({"S": [["text", "stars"], ["a", 4]]})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    value = b'office:value-type="float" office:value="4"'
    for content, is_read in ((b' table:formula="of:=4" ' + value, True), (b' table:formula="of:=4"', False)):
        changed = to_zip({**members, "content.xml": members["content.xml"].replace(value, content)}, 0)
        if is_read:
            assert read_texts(changed) == ["a"]
        else:
            assert refuse(changed).rule == "workbook_broken"


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


@pytest.mark.parametrize(
    ("merged", "movies"),
    [(["A2:A3"], ["Heat", "Heat", "", "Up", ""]), (["A2:C2"], ["Heat", "", "", "Up", ""])],
)
def test_a_cell_that_is_empty_and_not_merged_with_one_above_stays_empty(
    merged: list[str], movies: list[str]
) -> None:
    (rows,) = read(write_xlsx({"S": MERGED}, merged=merged))
    assert rows.known["movie_id"].to_pylist() == movies


def test_what_a_merged_cell_covers_is_not_seen() -> None:
    grid: Grid = [["Movie", "Review", "Tag", "Stars"], ["Heat", "a", "x", 4], ["Up", "b", "y", 5]]
    (rows,) = read(write_xlsx({"S": grid}, merged=["A2:A3", "C2:D3"]))
    assert rows.known["movie_id"].to_pylist() == ["Heat", "Heat"]
    assert rows.known["given_rating"].to_pylist() == ["", ""]
    assert list_further(rows) == [{"Tag": "x"}, {"Tag": "x"}]


# Sheets


def test_the_only_visible_sheet_with_a_text_is_read_or_that_of_the_profile() -> None:
    sheets: dict[str, Grid] = {"Cover": [["Survey 2026"]], "Empty": [], "Data": GOOD, "Notes": [["n"], [1]]}
    assert read_texts(write_xlsx(sheets)) == ["A good film."]
    sheets = {"Old": [["text"], ["An old film."]], "Data": GOOD}
    assert read_texts(write_xlsx(sheets, hidden=["Old"])) == ["A good film."]
    assert read_texts(write_xlsx(sheets), profile=DATA) == ["A good film."]


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
    assert read_texts(write_xlsx({"Data": [["text"], *[["A."]] * 4], "Movies": legend[:1]})) == ["A."] * 4


def test_a_sheet_that_is_not_to_be_found_is_refused() -> None:
    error = refuse(write_xlsx({"Data": GOOD}), profile=OTHER)
    assert (error.rule, "no sheet is called 'Other', but 'Data'" in error.detail) == ("sheet_missing", True)
    assert refuse(write_xlsx({"Data": []})).rule == "sheet_missing"
    assert refuse(write_xlsx({"A": [], "B": [["a", "b"], [1, 2]]})).rule == "text_column_missing"


# What is not sound


def test_an_encrypted_workbook_is_refused() -> None:
    data = to_compound_file("EncryptedPackage", b"Nobody can read this.")
    assert refuse(data).rule == "archive_encrypted"


@pytest.mark.parametrize(
    "data",
    [
        to_zip({"a.csv": b"text\nA film.\n"}),
        to_zip({"xl/workbook.xml": b"<workbook", "[Content_Types].xml": b"<"}),
        write_xls({"S": GOOD})[:3000],
    ],
    ids=["another zip", "no XML", "xls cut off"],
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


@pytest.mark.process
def test_dates_labels_and_ratings_of_a_workbook_are_those_of_its_cells(tmp_path: Path) -> None:
    grid: Grid = [
        ["text", "date", "stars (1-10)", "label", "n"],
        ["A film.", dt.date(2024, 3, 5), 8.0, 1, 2],
        ["Bad.", None, 2.0, 0, 3],
    ]
    (tmp_path / "a.xlsx").write_bytes(write_xlsx({"S": grid}))
    row, _ = pa.Table.from_batches(read_review_file(tmp_path / "a.xlsx"), READ_SCHEMA).to_pylist()
    assert row["reviewed_at"] == dt.datetime(2024, 3, 5, tzinfo=dt.UTC)
    assert (row["given_rating"], row["given_label"]) == (8.0, "positive")
    assert json.loads(row["extra"]) == {"n": "2"}
