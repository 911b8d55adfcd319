"""Tests which character separates the fields of a table, and in which encoding it is read: right, or refused."""

import csv
import io
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError
from data_contracts.review_files import READ_SCHEMA
from tasks.reading.delimited import read_delimited, unescape
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.values import NO_TEXT_WORDS
from tests.support.profiles import make_profile
from tests.support.review_file_builders import encode_csv, encode_json, encode_jsonl, to_gz

ROWS = [{"id": "1", "text": "Good; short, no | bar\tno tab"}, {"id": "2", "text": "Bad"}]
TEXTS = [row["text"] for row in ROWS]
UMLAUTS = [{"text": "Schön – ein “Film” für 5 €"}, {"text": "Bad"}]


def read(folder: Path, name: str, data: bytes, **options: Any) -> list[dict[str, Any]]:
    path = folder / name
    path.write_bytes(data)
    rows: list[dict[str, Any]] = pa.Table.from_batches(
        read_review_file(path, ReadOptions(**options)), READ_SCHEMA
    ).to_pylist()
    return rows


def read_texts(folder: Path, name: str, data: bytes, **options: Any) -> list[str | None]:
    return [row["text"] for row in read(folder, name, data, **options)]


def read_by(folder: Path, name: str, data: bytes, **layout: Any) -> list[str | None]:
    profile = make_profile("text", tables={"file": layout})
    return read_texts(folder, name, data, profile=profile)


def refuse(folder: Path, name: str, data: bytes, **options: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as refused:
        read(folder, name, data, **options)
    return refused.value


# Separators


@pytest.mark.parametrize("header", ["Review, in your own words", "review"])
def test_one_column_of_texts_with_commas_is_read(tmp_path: Path, header: str) -> None:
    data = f'"{header}"\n"Heat,5,Good."\n"Bad, sad."\n'.encode()
    assert read_texts(tmp_path, "a.csv", data, profile=make_profile(header)) == ["Heat,5,Good.", "Bad, sad."]


@pytest.mark.parametrize("separator", ["^", "\x01", ":", " "])
def test_a_profile_may_name_any_other_separator(tmp_path: Path, separator: str) -> None:
    assert read_by(tmp_path, "a.csv", encode_csv(ROWS, separator), delimiter=separator) == TEXTS


@pytest.mark.parametrize("separator", [";", "^"])
def test_a_first_line_may_state_the_separator(tmp_path: Path, separator: str) -> None:
    data = f"sep={separator}\r\n".encode() + encode_csv(ROWS, separator)
    assert read_texts(tmp_path, "a.csv", data) == TEXTS


@pytest.mark.parametrize("header", ["Comment, please;Stars", "Review; in words,Stars"])
def test_a_file_that_is_a_table_by_two_separators_is_refused(tmp_path: Path, header: str) -> None:
    error = refuse(tmp_path, "a.csv", f"{header}\nGood, really;5\nBad, sorry;1\n".encode())
    assert (error.rule, "may both separate its columns" in error.detail) == ("header_broken", True)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("line", [3, 4])
def test_a_profile_may_say_on_which_line_the_header_is(tmp_path: Path, name: str, line: int) -> None:
    data = b"Reviews of May;;\n;;\n\nid;text;stars\n1;Good, and more;4\n2;Bad;1\n"
    data = to_gz(data) if name.endswith(".gz") else data
    assert read_by(tmp_path, name, data, header=line) == ["Good, and more", "Bad"]
    assert refuse(tmp_path, name, data).rule == "text_column_missing"


# Text files


@pytest.mark.parametrize("text", ["It bites.\n" * 201, "text\tstars\nA film.\t5\n"])
def test_a_text_file_that_can_only_be_a_table_or_a_list_is_set_aside(tmp_path: Path, text: str) -> None:
    [row] = read(tmp_path, "a.txt", text.encode())
    assert row["rule"] == "row_shape"


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("csv", encode_csv(ROWS)),
        ("tsv", encode_csv(ROWS, "\t")),
        ("jsonl", encode_jsonl(ROWS)),
        pytest.param("json", encode_json(ROWS), marks=pytest.mark.process),
    ],
)
def test_a_profile_may_say_of_which_format_text_files_are(tmp_path: Path, form: str, data: bytes) -> None:
    assert read_by(tmp_path, "a.txt", data, format=form) == TEXTS


# Quotes

RAW = 'id\ttext\n1\t"Fine\n2\tHe said "no"\n3\t"Poor\n4\t"Good" film\n'


def test_quotes_of_a_file_with_tabs_that_protects_nothing_are_characters(tmp_path: Path) -> None:
    texts = ['"Fine', 'He said "no"', '"Poor', '"Good" film']
    assert read_texts(tmp_path, "a.tsv", RAW.encode()) == texts


def test_a_file_with_tabs_that_protects_some_fields_only_is_refused(tmp_path: Path) -> None:
    content = 'id\ttext\n5\t"a\nb"\n' + RAW
    assert refuse(tmp_path, "a.tsv", content.encode()).rule == "csv_broken"


STRAY = [
    'Heat,"A fine film they said,4/5\r\nAlien,I slept well,1/5\r\nUp,"Classic they say,5/5\r\n',
    'Heat,"A fine film they said,4/5\rUp,On a 12" disc,5/5\r',
    'Heat,"A fine film they said,4/5\nUp,On a 12" disc,5/5,more\n',
]
"""Rows of which a stray quote swallows others up to a quote of these."""


@pytest.mark.parametrize("rows", STRAY)
def test_a_stray_quote_that_swallows_rows_refuses_the_file(tmp_path: Path, rows: str) -> None:
    good = 'Up,"Of ""two""\nlines",3/5\nUp,"Cut" in one,3/5\n\n'
    error = refuse(tmp_path, "a.csv", f"film,review,rating\n{good}{rows}".encode())
    assert (error.rule, "after row 2 a quote opens" in error.detail) == ("csv_broken", True)


@pytest.mark.parametrize("text", ['"Classic" they say', '"A ""fine"" 5" disc', '""Fine"" it is'])
@pytest.mark.parametrize("other", ["Plain", '"Of ""two""\r\nlines"'])
def test_quotes_that_are_wrong_within_one_line_refuse_no_file(tmp_path: Path, text: str, other: str) -> None:
    content = f"film,review,rating\nUp,{other},1/5\nHeat,{text},4/5\nUp,{other},1/5\n"
    assert [row["given_rating"] for row in read(tmp_path, "a.csv", content.encode())] == [2, 8, 2]


@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_quotes_may_be_escaped_by_backslashes(tmp_path: Path, separator: str) -> None:
    rows = [
        (b'"id"', b'"stars"', b'"text"'),
        (b'"1"', b"5", rb'"He said \"no\", twice"'),
        (b'"2"', b"1", b'"one\\\ntwo"'),
        (b'"3"', b"2", rb'"back\\slash \""'),
        (b'"4"', b"2", rb"\N"),
    ]
    expected = ['He said "no", twice', "one\ntwo", 'back\\slash "', None]
    content = b"\n".join(map(separator.encode().join, rows))
    assert read_texts(tmp_path, "a.csv", content) == expected


@given(texts=st.lists(st.text('ab"\\\n', min_size=1).filter(str.strip), min_size=1), size=st.integers(1, 9))
def test_escaped_quotes_are_read_in_pieces_of_any_size(texts: list[str], size: int) -> None:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    data = "\n".join(f'"{text}"' for text in quoted).encode()
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    parsed = csv.reader(io.StringIO(b"".join(unescape(pieces)).decode(), newline=""))
    assert [field for [field] in parsed] == texts


def test_a_long_name_of_a_column_that_each_row_keeps_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text," + b"k" * 60_000 + b"\n" + b"good,1\n" * 3_000)
    tracemalloc.start()
    try:
        assert sum(batch.num_rows for batch in read_review_file(path)) == 3_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150 << 20


def test_a_small_file_is_parsed_once() -> None:
    """So a zip of many takes little more time than its rows."""
    assert len([*read_delimited(iter([b"text\nGood\n"]), "csv", 1, ReadOptions())]) == 1


# Encodings


CP1252 = {"profile": make_profile("text", tables={"file": {"encoding": "cp1252"}})}


def test_a_file_in_the_encoding_that_is_named_is_read(tmp_path: Path) -> None:
    data = encode_csv(UMLAUTS).decode().encode("cp1252")
    expected = [row["text"] for row in UMLAUTS]
    assert read_texts(tmp_path, "a.csv", data, **CP1252) == expected
    assert read_texts(tmp_path, "a.csv.gz", to_gz(data), **CP1252) == expected
    assert read_texts(tmp_path, "a.txt", data, **CP1252) == [data.decode("cp1252")]


def test_a_byte_order_mark_counts_more_than_the_encoding_that_is_named(tmp_path: Path) -> None:
    data = encode_csv(UMLAUTS).decode().encode("utf-8-sig")
    assert read_texts(tmp_path, "a.csv", data, **CP1252)[0] == UMLAUTS[0]["text"]


def test_bytes_that_the_encoding_does_not_have_refuse_the_file(tmp_path: Path) -> None:
    assert refuse(tmp_path, "a.csv", b"text\nA \x81 film\n", **CP1252).rule == "encoding_broken"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_were_joined_with_their_byte_order_marks_are_one_table(
    tmp_path: Path, encoding: str
) -> None:
    parts = ('review_id,text\na1,"Fine, really"\n', "review_id,text\na2,Bad\na3,Dull\n")
    rows = read(tmp_path, "a.csv", b"".join(part.encode(encoding) for part in parts))
    assert [row["review_id"] for row in rows if row["rule"] is None] == ["a1", "a2", "a3"]


# Anything

CODECS = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "cp1250", "koi8-r", "gb18030")
SEPARATORS = (",", ";", "\t", "|", "^")


@pytest.mark.slow
@given(encoding=st.sampled_from(CODECS), separator=st.sampled_from(SEPARATORS), data=st.data())
def test_any_texts_in_any_encoding_and_with_any_separator_are_read_back(
    tmp_path: Path, encoding: str, separator: str, data: st.DataObject
) -> None:
    codec = "utf-8" if encoding.startswith("utf") else encoding
    cells = st.text(st.characters(codec=codec, exclude_characters="\0\ufeff"), max_size=30)
    table = data.draw(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("text", "tag"), *table])
    layout = {} if encoding.startswith("utf") else {"encoding": encoding}
    layout |= {"delimiter": separator} if separator == "^" else {}
    options = {"profile": make_profile("text", tables={"file": layout})} if layout else {}
    rows = read(tmp_path, "a.csv", stream.getvalue().encode(encoding), **options)
    texts = ["" if text.strip().casefold() in NO_TEXT_WORDS else text for text, _ in table]
    assert [row["text"] if row["rule"] is None else "" for row in rows] == texts


def test_the_time_for_a_row_of_many_chunks_grows_with_its_length_only() -> None:
    chunks = [b'text\nfine\n"' + b"a good film\n" * 120_000, *[b"x"] * 300]
    began = time.thread_time()
    with pytest.raises(FileRefusedError, match="not closed by the end"):
        list(read_delimited(iter(chunks), "csv", 1, ReadOptions()))
    assert time.thread_time() - began < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("place", [None, 0, 25_000])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_file_of_several_chunks_is_read_alike_wherever_a_text_has_a_line_break(
    tmp_path: Path, place: int | None, line_break: str
) -> None:
    texts = [f'a "fine" film, number {number} of some that are long enough' for number in range(50_000)]
    if place is not None:
        texts[place] += f'{line_break}and a second line, with a "quote"'
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line_break)
    writer.writerows([["text"], *([text] for text in texts)])
    assert read_texts(tmp_path, "a.csv", file.getvalue().encode()) == texts
