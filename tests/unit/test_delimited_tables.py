"""Tests which character separates the fields of a table, and in which encoding it is read: right, or refused."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError, UsageError
from data_contracts.review_files import READ_SCHEMA
from tasks.review_files import delimited_header, delimited_quotes, txt_table_or_review
from tasks.review_files.column_mapping import Columns, select_columns
from tasks.review_files.delimited_quotes import unescape, write_out_breaks
from tasks.review_files.encodings import drop_inner_marks, to_utf8
from tasks.review_files.further_columns import format_columns
from tasks.review_files.plans.missing_words import stands_for_no_text
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import describe_last
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import encode_csv, to_gz, to_tar, to_zip

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


def refuse(folder: Path, name: str, data: bytes, **options: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as refused:
        read(folder, name, data, **options)
    return refused.value


# Separators


@pytest.mark.parametrize("named", [None, "film,rating,review"])
@pytest.mark.parametrize("rows", ['"Heat,5,Good."', '"Heat,5,""Good, really."""\n"Dune,1,Bad."'])
def test_lines_that_are_quoted_as_a_whole_are_refused(tmp_path: Path, rows: str, named: str | None) -> None:
    error = refuse(tmp_path, "a.csv", f'"film,rating,review"\n{rows}\n'.encode(), text_column=named)
    assert (error.rule, "each line is quoted as a whole" in error.detail) == ("header_broken", True)


def test_lines_of_an_id_and_a_text_that_are_quoted_as_a_whole_are_refused(tmp_path: Path) -> None:
    error = refuse(tmp_path, "a.csv", b'"ID,text"\n"0,""Good, really."""\n"1,Bad."\n')
    assert "each line is quoted as a whole" in error.detail


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Review, in your own words", "Good, really."),
        ("review", "Heat,5,Good."),
        ("film,rating,review", "A good film."),
        ("Comments,likes", "Good."),
    ],
)
def test_one_column_of_texts_with_commas_is_read(tmp_path: Path, header: str, text: str) -> None:
    data = f'"{header}"\n"{text}"\n"Bad, sad."\n'.encode()
    assert read_texts(tmp_path, "a.csv", data, text_column=header) == [text, "Bad, sad."]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.psv", "a.tab"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_usual_separator_is_found(tmp_path: Path, separator: str, name: str) -> None:
    assert read_texts(tmp_path, name, encode_csv(ROWS, separator)) == TEXTS


@pytest.mark.parametrize("separator", ["^", "~", "\x01", ":", " "])
def test_any_other_separator_can_be_named(tmp_path: Path, separator: str) -> None:
    assert read_texts(tmp_path, "a.csv", encode_csv(ROWS, separator), delimiter=separator) == TEXTS


def test_a_named_separator_is_the_only_one(tmp_path: Path) -> None:
    error = refuse(tmp_path, "a.csv", encode_csv(ROWS), delimiter="|")
    assert error.rule == "text_column_missing"


@pytest.mark.parametrize("separator", [";", "^"])
def test_a_first_line_may_state_the_separator(tmp_path: Path, separator: str) -> None:
    data = f"sep={separator}\r\n".encode() + encode_csv(ROWS, separator)
    assert read_texts(tmp_path, "a.csv", data) == TEXTS


def test_names_that_are_a_table_by_two_separators_refuse_the_file(tmp_path: Path) -> None:
    data = b"Comment, please;Stars\nGood, really;5\nBad, sorry;1\n"
    error = refuse(tmp_path, "a.csv", data, text_column="Comment")
    assert error.rule == "header_broken"
    assert "commas and semicolons may both separate its columns" in error.detail


def test_another_separator_in_a_name_is_no_doubt_where_the_rows_are_no_table_by_it(tmp_path: Path) -> None:
    data = b"text,tags;more\nGood,a\nBad,b;c\n"
    assert read_texts(tmp_path, "a.csv", data) == ["Good", "Bad"]


def test_a_refusal_shows_the_columns_by_the_likely_separator(tmp_path: Path) -> None:
    error = refuse(tmp_path, "a.csv", b"Anmerkung;Note;Tag\nGut;1;2\n")
    assert "'Anmerkung', 'Note', 'Tag'" in error.detail


@pytest.mark.parametrize("delimiter", ["", ",,", "a", "5", '"', "\n", "é", "\\"])
def test_a_delimiter_that_can_not_be_one_is_refused(delimiter: str) -> None:
    with pytest.raises(UsageError, match="delimiter"):
        ReadOptions(delimiter=delimiter)


# Headers

TITLED = [
    "Reviews of May;;",
    ";;",
    "Made on 1 June;;",
    "id;text;stars",
    "1;Good, text, and more;4",
    "2;Bad;1",
]


def test_titles_above_a_header_are_passed_over(tmp_path: Path) -> None:
    data = "\n".join(TITLED)
    for name, content in (("a.csv", data), ("b.csv", data.replace(";;", ""))):
        assert read_texts(tmp_path, name, content.encode()) == ["Good, text, and more", "Bad"]


@pytest.mark.parametrize("comment", ["# by Ann", "# by Ann, Bob", "# by Ann, on 1 May, of all", "#a;b"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_comments_above_a_header_are_passed_over(tmp_path: Path, comment: str, separator: str) -> None:
    content = f"{comment}\n#\n# On, again\n".encode() + encode_csv(ROWS, separator)
    assert read_texts(tmp_path, "a.csv", content) == TEXTS


def test_below_comments_a_bad_row_does_not_hide_the_header(tmp_path: Path) -> None:
    rows = read(tmp_path, "a.csv", b"# by Ann\nid,text,stars\n1,Good,4\n2,Bad,1,\n")
    assert [row["rule"] for row in rows] == [None, "row_shape"]
    assert read(tmp_path, "b.csv", b"# by Ann\nid,text,stars\n") == []


def test_a_header_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    for content in (
        b"#,text,stars\n1,Good,4\n",
        b"#id,text\n#1,Good\n",
        b"# made,by,me\n#id,text,n\n#1,Good,2\n",
    ):
        assert read_texts(tmp_path, "a.csv", content) == ["Good"]


def test_a_row_that_only_looks_like_a_header_is_none(tmp_path: Path) -> None:
    for content in (
        "A film\nGood, text, film\nBad",
        "A film\nid,text\n1,2,3\n",
        "Film,Tent\nid,text\n1,Good\n",
        '"1","Good"\n"2","Bad"\n',
    ):
        assert refuse(tmp_path, "a.csv", content.encode()).rule == "text_column_missing"


PAIRED = ["Report:,Customer voice,,", "Period:,March 2024,,", ",,,"]
BELOW = ["Movie,Review,Score (1-10),Date", '"A, B",Good,8,2024-01-02', "C,Bad,2,2024-01-03"]


@pytest.mark.parametrize(
    "titles",
    [
        PAIRED,
        ["Customer voice,,,", *PAIRED],
        [line.rstrip(",") for line in PAIRED],
        ["Textbox1,Textbox2", "Review report,March 2024", ""],
    ],
    ids=["wide", "below a title", "narrow", "names of boxes"],
)
def test_rows_of_two_fields_above_a_wider_header_are_passed_over(tmp_path: Path, titles: list[str]) -> None:
    rows = read(tmp_path, "a.csv", "\n".join([*titles, *BELOW]).encode())
    assert [(row["row_number"], row["text"]) for row in rows] == [(1, "Good"), (2, "Bad")]


def test_a_profile_of_the_text_alone_finds_it_below_rows_of_two_fields(tmp_path: Path) -> None:
    content = "\n".join([*PAIRED, "Film,Verdict,Mood,Day", "A,Good,8,1"]).encode()
    plan = ReadingPlan(text=("Verdict",), known_names=False)
    assert read_texts(tmp_path, "a.csv", content, plan=plan) == ["Good"]
    assert refuse(tmp_path, "a.csv", content).rule == "text_column_missing"


@pytest.mark.parametrize("titles", [["Reviews of May"], ["Report,May"], ["Report,May", "", "By Ann"]])
def test_a_profile_finds_its_columns_below_narrow_titles(tmp_path: Path, titles: list[str]) -> None:
    content = "\n".join([*titles, "Film,Opinion,Mood", "A,Good,8"]).encode()
    plan = ReadingPlan(text=("Opinion",), movie_id="Film", known_names=False)
    assert read_texts(tmp_path, "a.csv", content, plan=plan) == ["Good"]
    plan = ReadingPlan(text=("Opinion",), movie_id="Title", known_names=False)
    error = refuse(tmp_path, "b.csv", content, plan=plan)
    assert (error.rule, "'Title'" in error.detail) == ("profile_column_missing", True)


@pytest.mark.parametrize(
    "lines",
    [
        ["Report:,Voice,Sales,", "Period:,May,June,", *BELOW],
        ["Report:,Voice,,", "Movie,Review,,"],
        ["Report:,Voice,,", "A,Review,B,C", "1,Good,2,3"],
        ["Report:,Voice,,"] * 11 + BELOW,
        ["Report:,Voice,,", f"Movie,Review,Score,{'x' * 201}"],
    ],
    ids=["three fields", "no wider header", "a text alone", "too many titles", "a text in the header"],
)
def test_below_other_rows_of_values_no_header_is_looked_for(tmp_path: Path, lines: list[str]) -> None:
    assert refuse(tmp_path, "a.csv", "\n".join(lines).encode()).rule == "text_column_missing"


def test_a_header_of_two_names_with_a_text_is_the_header_whatever_is_below(tmp_path: Path) -> None:
    content = b"Name,Review,,\nA,Good,,\nMovie,Review,Rating,Date\n"
    assert read_texts(tmp_path, "a.csv", content)[0] == "Good"


def test_the_three_headers_of_qualtrics_are_no_rows(tmp_path: Path) -> None:
    names = ["ResponseId", "Q1", "Q2"]
    questions = ["Response ID", "How would you rate it? (1-10)", "What did you think of it?"]
    ids = [f'{{"ImportId":"{name}"}}' for name in names]
    data = encode_csv([dict(zip(names, row, strict=True)) for row in (questions, ids, ["R1", "7", "Fine."])])
    [row] = read(tmp_path, "a.csv", data)
    assert (row["row_number"], row["review_id"], row["given_rating"], row["text"]) == (1, "R1", 7, "Fine.")
    assert read_texts(tmp_path, "a.csv", data, text_column="Q2") == ["Fine."]


def test_of_two_questions_that_ask_for_a_text_none_is_taken(tmp_path: Path) -> None:
    for other in ("What did you dislike?", "What did you like least?"):
        error = refuse(
            tmp_path, "a.csv", f"Date,What did you like?,{other}\n2026-11-01,Music,Seats\n".encode()
        )
        assert (error.rule, "What did you like?" in error.detail) == ("text_column_missing", True)


# Text files that are tables


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig", "utf-8"])
def test_a_text_file_of_tabs_under_a_header_is_a_table(tmp_path: Path, encoding: str) -> None:
    text = encode_csv(ROWS, "\t").decode().replace("\n", "\r\n")
    data = ("\ufeff" if encoding == "utf-16-be" else "").encode(encoding) + text.encode(encoding)
    assert read_texts(tmp_path, "reviews.txt", data) == TEXTS


@pytest.mark.parametrize("separator", ["|", ",", ";"])
def test_a_text_file_of_fields_under_a_header_is_a_table(tmp_path: Path, separator: str) -> None:
    rows = [
        {"id": "1", "stars": "4", "text": f"Good {separator} so.\n\nSee it"},
        {"id": "2", "stars": "1", "text": "Bad"},
    ]
    texts = [row["text"] for row in rows]
    assert read_texts(tmp_path, "feed.txt", encode_csv(rows, separator)) == texts


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("{0}\ttt1\tA fine film\t5", "utf-8"),
        ("{0}\ttt1\tA fine film\t5", "utf-16"),
        ("{0}|A fine film|5", "utf-8"),
        ("__label__2 A fine film", "utf-8"),
    ],
)
def test_a_text_file_of_rows_without_names_is_refused(tmp_path: Path, line: str, encoding: str) -> None:
    text = "\n".join(line.format(number) for number in range(4))
    error = refuse(tmp_path, "dump.txt", text.encode(encoding))
    assert error.rule == "header_broken"
    assert "columns" in error.detail


CHAT = "[03.01.26, 09:15:02] Ann: Good.\n[03.01.26, 09:15:07] Bo: Bad.\n" * 3
SENTENCES = "It bites .\nNobody should miss it!\n" * 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("It bites.\t1\nIt bores.\t0\nIt is long.\t 0\n", "a tab and the label 0 or 1"),
        ("1\tIt bites.\n0\tIt bores.\n0\tIt is long.\n", "a tab and the label 0 or 1"),
        (
            "film/id: 1\nreview/text: It bites.\n\nfilm/id: 2\nreview/text: It bores.\nAnd how.\n",
            "'film/id: ...'",
        ),
        ("1/3/26, 09:15 - Ann: Good.\n1/4/26, 9:20 AM - ~ Bo: Bad.\nReally.\n" * 3, "of a chat"),
        (CHAT, "of a chat"),
        (SENTENCES, "each may be a review"),
        (f"{SENTENCES}\n\n", "each may be a review"),
    ],
)
def test_a_text_file_of_many_reviews_is_refused_with_the_next_step(
    tmp_path: Path, text: str, says: str
) -> None:
    error = refuse(tmp_path, "a.txt", text.encode())
    assert error.rule == "header_broken"
    assert says in error.detail


@pytest.mark.parametrize(
    "text",
    [
        "Plot\t1\nMusic\t4\nActing\t0\nIn all\t5\n",
        "Plot/pace: slow.\nSound: fine.\nIt bites.\n",
        "Review | Jaws\nIt bites.\n",
        "Review, film, rating\nare no names here.\n",
        "1/3/26, 09:15 - we came in.\n1/3/26, 10:20 - we left, bored.\n1/3/26, 11:00 - home.\nIt bites.\n",
        "Seen on 1/3/26, 09:15: it bites.\n1/4/26, 09:20: again.\n1/5/26, 9:30, Ann: I sleep.\n",
        CHAT,
        "Good, bad, ugly\nOne, two, three\nFour, five, six\n",
        "One | two | three\nFour | five\nSix | seven\n",
        "A review\twith a tab\nand a line.",
        "text\nof one column",
        "text\tid",
        "The text of it was\tbad.\nReally.",
        "x" * 70_000 + "\ttext\nA film.",
        "",
    ],
    ids=[
        "marks with tabs",
        "remarks with a slash",
        "title with bar",
        "title with commas",
        "times of a day",
        "dates",
        "a chat",
        "commas",
        "bars",
        "tab",
        "one column",
        "no line",
        "a word",
        "long",
        "empty",
    ],
)
def test_any_other_text_file_is_one_review(tmp_path: Path, text: str) -> None:
    assert read_texts(tmp_path, "a.zip", to_zip({"a.txt": text.encode()})) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "It bites.\nIt bores.\n\n" * 20,
        "It bites,\nas said by some who\nsaw it.\n" * 20,
        SENTENCES[: len(SENTENCES) // 2],
        "1/3/26, 09:15 Heat: good.\n2/3/26, 09:15 Dune: long.\n" + "3/3/26, 09:15 Jaws: fun.\n" * 5,
        CHAT[: len(CHAT) * 2 // 3],
    ],
    ids=["paragraphs", "a wrapped text", "not many", "a diary", "few messages"],
)
def test_a_text_file_of_some_lines_is_one_review(tmp_path: Path, text: str) -> None:
    assert read_texts(tmp_path, "a.txt", text.encode()) == [text]


@pytest.mark.parametrize(
    "table",
    [
        "Movie    Rating  Review\nHeat     4/5     A fine film, really.\nUp       2/5     Dull.\n",
        " movie  rating        review\n  Heat       4  A fine film.\n    Up      10         Dull.\n",
        "Rating  Review\r\n------  ------\r\n4/5     A fine film.\r\n\r\n2/5     Dull.\r\n",
    ],
)
def test_a_text_file_with_columns_aligned_by_spaces_is_refused_with_the_step(
    tmp_path: Path, table: str
) -> None:
    error = refuse(tmp_path, "a.txt", table.encode())
    assert error.rule == "header_broken"
    assert "aligned by spaces, which may be in the texts too: write it as CSV" in error.detail


@pytest.mark.parametrize(
    "text",
    [
        "Movie  Review\n\nTwo men stand on either side of the law.\nBoth are lonely.\n",
        "Movie  Review\nIt is fine.\n",
        "My review.  Rating: 4.  It is fine.\nThe film  is long.\nIt ends.\n",
        "Heat    1995    Mann\nA fine    film    this\nIt is     long   too\n",
        "Review    Heat\nIt was    fine\nIt was    long\n",
        "review\nA fine   film\nIs it   not\n",
        "   Movie   Rating\n   Heat    4\n   Up      5\n",
        "Comments   Rating\nGood.\nVery good.\nBad ending\n",
        "Feedback   Date\n- good cast\n- bad plot\n- fine music\n",
        "Message    Date    Time\nLoved it\nGreat cast\n",
        "Review      Overall\n\nAction      9\nMusic       8\nThe film as a whole is a joy.\n",
        "Comment    Rating\nPacino     great\nDe Niro    great\nThe rest was dull and far too long.\n",
    ],
)
def test_a_text_with_spaces_in_a_row_is_one_review(tmp_path: Path, text: str) -> None:
    assert read_texts(tmp_path, "a.txt", text.encode()) == [text]


def test_a_text_file_of_many_lines_is_one_review_among_others_of_an_archive(tmp_path: Path) -> None:
    members = {"1.txt": SENTENCES.encode(), "2.txt": b"It bores."}
    assert read_texts(tmp_path, "a.zip", to_zip(members)) == [SENTENCES, "It bores."]


def test_text_files_and_tables_may_be_in_one_archive(tmp_path: Path) -> None:
    table = b"text\tid\nA film.\t1\nAnother.\t2\n"
    rows = read(tmp_path, "a.tar", to_tar({"1.txt": b"One.", "2.txt.gz": to_gz(table), "3.txt": b"Three."}))
    assert [(row["member"], row["row_number"], row["text"]) for row in rows] == [
        ("1.txt", 1, "One."),
        ("2.txt.gz", 2, "A film."),
        ("2.txt.gz", 3, "Another."),
        ("3.txt", 4, "Three."),
    ]


@pytest.mark.parametrize(
    "types",
    [
        "int,varchar(20),date,long text",
        "String,Nullable(UInt8),DateTime64(3),LowCardinality(String)",
        'bigint NOT NULL,"decimal(3, 1)",,TEXT',
        "number,1-5,YYYY-MM-DD,free text",
    ],
)
def test_a_row_of_types_below_the_header_is_set_aside(tmp_path: Path, types: str) -> None:
    rows = read(tmp_path, "a.csv", f"n,by,date,text\n{types}\n1,Ann,2024-05-01,Text\n2,3,x\n".encode())
    assert [(row["rule"], row["text"]) for row in rows] == [
        ("row_shape", None),
        (None, "Text"),
        ("row_shape", None),
    ]
    assert (rows[0]["detail"], rows[1]["extra"]) == (
        "it has the types of the columns",
        '{"n": "1", "by": "Ann"}',
    )
    assert rows[1]["reviewed_at"] is not None


@pytest.mark.parametrize(
    "row", ["1,2,date,text", ",,,Double", "int,4,date,text", "a,int,date,Real text here"]
)
def test_a_row_that_is_not_all_types_is_a_review(tmp_path: Path, row: str) -> None:
    assert read(tmp_path, "a.csv", f"n,stars,date,text\n{row}\n".encode())[0]["rule"] is None


@pytest.mark.parametrize("groups", ["Customer,,Review,,", ",,Comment,,", "# Export,,Review,by,"])
def test_names_of_groups_of_columns_above_the_header_are_no_names(tmp_path: Path, groups: str) -> None:
    table = f"{groups}\nName,Country,Date,Comment,Stars\nAnn,NO,2026-05-01,Good,4 of 5\n"
    [row] = read(tmp_path, "a.csv", table.encode())
    assert (row["text"], row["given_rating"], row["reviewed_at"].year) == ("Good", 8, 2026)
    assert json.loads(row["extra"]) == {"Name": "Ann", "Country": "NO"}


@pytest.mark.parametrize("first", ["a,b,review,1,2", "a,b,Text,,", "comment,b,c,d,e"])
def test_a_review_below_a_header_with_blank_names_is_no_header(tmp_path: Path, first: str) -> None:
    assert len(read(tmp_path, "a.csv", f"id,,text,,\n{first}\n".encode())) == 1


@pytest.mark.parametrize("again", ["review,film,stars", "Stars,Film,Review", '"stars","review","film"'])
def test_a_header_in_another_order_further_down_refuses_the_file(tmp_path: Path, again: str) -> None:
    rows = "Heat,Good,4\n" * 3
    error = refuse(tmp_path, "a.csv", f"film,review,stars\n{rows}not as wide\n{again}\n{rows}".encode())
    assert error.rule == "header_changed"
    assert error.detail.startswith("row 5 has the names of the columns in another order. ")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("film,review,stars", "review,film,review"),
        ("film,review,stars", "stars,film,"),
        ("film,review,stars", "Film,Review,Stars"),
        ("review,stars", "stars,review"),
        ("id,,text,,", ",id,text,,"),
    ],
)
def test_a_row_of_some_names_is_no_header_in_another_order(tmp_path: Path, header: str, row: str) -> None:
    assert len(read(tmp_path, "a.csv", f"{header}\n{row}\n{row}\n".encode())) == 2


def test_a_long_last_text_is_a_review_whatever_its_beginning_is() -> None:
    assert describe_last(["exported on 1.1.11" + " " * 100_000 + "x", ""], 0) is None


@pytest.mark.parametrize(
    "last",
    [
        ",Total: 18,,",
        ",Average rating,3.2,",
        ',"Total reviews: 1,204",3,',
        ",total,,38",
        ",Number of reviews: 24,5.2,",
        ",Gesamt: 24,5.5,",
        ",n = 24,,",
        ",Ø,3.2,",
        ",Mean,,",
        ",Average,,",
        ",AVG.,,",
        "Heat Total,8 reviews,5.5,",
        "Grand Total,24 ratings,5.5,",
        "Average,24 comments in total,5.4,",
    ],
)
def test_a_line_of_sums_at_the_end_is_set_aside(tmp_path: Path, last: str) -> None:
    head = "id,text,stars,date\n1,Good,4,\n,Total: 3,,\n2,Bad,2,\n"
    rows = read(tmp_path, "a.csv", f"{head}{last}\n\n".encode())
    assert [row["rule"] for row in rows] == [None, None, None, "row_shape"]
    assert rows[3]["detail"] == "it is a line of sums below the table"


@pytest.mark.parametrize(
    "footers",
    [
        ',"Exported on 2026-11-20, 6 records",,',
        ",Total number of reviews: 6,,\n,Generated by ReviewTool on 20.11.2026,,",
        ",Total: 6,,\nnot as wide\n,End of report,,",
        ",CONFIDENTIAL - internal use only,,",
        ',"*** End of report, 12 records exported by Anna ***",,\n,Confidential - do not distribute,,',
        ",Confidential Information - Do Not Distribute,,\n,--- Page 2 of 2 ---,,",
        ',"Source: shop export, 29 Nov 2026",,\n,n = 2,,\n,Average rating,3,',
        ",Exported from Trustpilot on 29 Nov 2026,,",
        ',"Exported by Ann on November 29, 2026",,',
        ',"Filter: last 30 days, all films",,\n,Reviews 1 - 24 of 24,,',
        ",Showing 1 to 24 of 24 entries,,",
        ",(2 rows affected),,\n,Completion time: 2026-11-20T10:00:00,,",
    ],
)
def test_lines_below_a_table_are_set_aside(tmp_path: Path, footers: str) -> None:
    rows = read(tmp_path, "a.csv", f"id,text,stars,date\n1,Good,4,\n2,Bad,2,\n{footers}\n".encode())
    assert [row["rule"] for row in rows] == [None, None, *["row_shape"] * (footers.count("\n") + 1)]


@pytest.mark.parametrize(
    "last",
    [
        "Exported on 2026-11-20,4",
        "Created by 2 brothers in 1999,",
        "End of data as we know it,",
        '"End of the list, 3 stars",',
        "Confidential: my wife loved it,",
        "Page 1 of 2 was torn,",
        "Created by one who was seen on 12.10.2020 in a cinema.,",
        "Created by my favourite director on 3 May 1999,",
        '"Source: my wife, 29 Nov 2026",',
        "Source: export quality coffee,",
        "Filter: too strong for me,",
        "Filter: lasts 30 days,",
        "Reviews 1 - 24 of 24 were fake,",
        "Reviews 1 - 24 of 24,5",
        "Average,",
    ],
)
def test_a_last_review_like_a_footer_is_one(tmp_path: Path, last: str) -> None:
    assert read(tmp_path, "a.csv", f"text,stars\nGood,4\n{last}\n".encode())[1]["rule"] is None


@pytest.mark.parametrize("last", ["Average,,", "Mean,,", "Median,,"])
def test_a_word_for_a_mean_below_rows_without_numbers_is_a_review(tmp_path: Path, last: str) -> None:
    rows = read(tmp_path, "a.csv", f"text,name,country\nGood,,\nBad,Ann,\n{last}\n".encode())
    assert [row["rule"] for row in rows] == [None] * 3


@pytest.mark.parametrize(
    "last",
    [
        ",Average,3,",
        "7,Total,3,",
        ",Total: a mess,1,",
        ",Total: 18,,May",
        ",Total rubbish,1,",
        ",Average film,3,",
        ",Average,3.5,",
        ",Mean but fair,2.5,",
        ",Mean,4,",
        ",Average,,May",
        "7,Average,,",
        ",Mean,4.0,",
        ",Ø,3,May",
        "7,Mean,4.5,",
        ",Median,2.5,May",
        ",Number of stars: 5,5,",
        ",Number of reviews: too many,2,",
        ",n = 1 but I agree,3,",
        ",Gesamt: gut,4,",
        "Total Recall,8 reviews,5,",
        "Total,8 reviews said so,5,",
        "Total,8 reviews,5,May",
        "Total,8 stars,5,",
        ",8 reviews,5,",
    ],
)
def test_a_last_review_that_names_a_sum_is_one(tmp_path: Path, last: str) -> None:
    assert read(tmp_path, "a.csv", f"id,text,stars,date\n1,Good,4,\n{last}\n".encode())[1]["rule"] is None


def test_of_columns_with_one_name_the_next_step_is_to_rename(tmp_path: Path) -> None:
    for options in ({}, {"text_column": "Comment"}):
        error = refuse(tmp_path, "a.csv", b"Comment,Stars,Comment\nGood,4,Seen twice\n", **options)
        assert error.rule == "text_column_doubled"
        assert "'Comment', so no option can name one of them: rename or drop the others." in str(error)
    data = b"Comment,Stars,comment\nGood,4,Seen twice\n"
    assert "no option" not in str(refuse(tmp_path, "a.csv", data))
    assert read_texts(tmp_path, "a.csv", data, text_column="comment") == ["Seen twice"]


# Quotes

RAW = 'id\ttext\n1\t"Fine\n2\tHe said "no"\n3\t"Poor\n4\t"Good" film\n'


def test_quotes_of_a_file_with_tabs_that_protects_nothing_are_characters(tmp_path: Path) -> None:
    texts = ['"Fine', 'He said "no"', '"Poor', '"Good" film']
    assert read_texts(tmp_path, "a.tsv", RAW.encode()) == texts


def test_a_file_with_tabs_that_protects_some_fields_only_is_refused(tmp_path: Path) -> None:
    content = 'id\ttext\n5\t"a\nb"\n' + RAW
    assert refuse(tmp_path, "a.tsv", content.encode()).rule == "csv_broken"


@pytest.mark.slow
def test_a_quote_that_protects_nothing_is_found_far_from_the_header_too(tmp_path: Path) -> None:
    good = "".join(f'{number}\t"a fine film"\n' for number in range(1 << 17))
    assert refuse(tmp_path, "a.tsv", f"id\ttext\n{good}{RAW}".encode()).rule == "csv_broken"


STRAY = [
    'Heat,"A fine film they said,4/5\nAlien,I slept well,1/5\nUp,"Classic" they say,5/5\n',
    'Heat,"A fine film they said,4/5\r\nAlien,I slept well,1/5\r\nUp,"Classic they say,5/5\r\n',
    'Heat,"A fine film they said,4/5\rUp,On a 12" disc,5/5\r',
    'Heat,"A fine film they said,4/5\nUp,On a 12" disc,5/5,more\n',
    'Heat,"A fine film they said,4/5\nUp,On a 12" disc,5/5',
]
"""Rows of which a stray quote swallows others up to a quote of these."""


@pytest.mark.parametrize("rows", STRAY)
@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_stray_quote_that_swallows_rows_refuses_the_file(tmp_path: Path, rows: str, separator: str) -> None:
    good = 'Up,"Of ""two""\nlines",3/5\nUp,"Cut" in one,3/5\n\n'
    content = f"film,review,rating\n{good}{rows}".replace(",", separator)
    error = refuse(tmp_path, "a.csv", content.encode())
    assert (error.rule, "after row 2 a quote opens" in error.detail) == ("csv_broken", True)


@pytest.mark.slow
def test_a_stray_quote_is_found_far_from_the_header_too(tmp_path: Path) -> None:
    good = 'Up,"Of ""two""\nlines",3/5\n' * (1 << 17)
    error = refuse(tmp_path, "a.csv", f"film,review,rating\n{good}{STRAY[0]}".encode())
    assert "after row 131,072 a quote opens" in error.detail


@pytest.mark.parametrize(
    "text", ['"Classic" they say', '"A ""fine"" 5" disc', 'On a 5" disc', '""Fine"" it is']
)
@pytest.mark.parametrize("other", ["Plain", '"Of\ntwo lines"', '"Of ""two""\r\nlines"'])
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


DUMPED = st.lists(st.text("b\\\n\t\rnN ", min_size=1).filter(str.strip), min_size=1)


@pytest.mark.slow
@given(DUMPED)
def test_texts_of_a_dump_with_tabs_are_those_of_the_database(tmp_path: Path, texts: list[str]) -> None:
    escapes = str.maketrans({"\\": r"\\", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
    rows = "".join(f"{number}\t{text.translate(escapes)}\n" for number, text in enumerate(texts))
    found = read_texts(tmp_path, "a.tsv", f"id\ttext\n{rows}0\t\\N\n".encode())
    assert found == [*(None if text.strip().lower() == r"\n" else text for text in texts), ""]


def test_rare_escapes_of_a_dump_are_those_of_the_database(tmp_path: Path) -> None:
    row = rb"1	It\'s \"fine\",\nC:\\bin\\'s.\r\b\f\v"
    assert read_texts(tmp_path, "a.tsv", b"id\ttext\n" + row + b"\n2\tPlain\n") == [
        "It's \"fine\",\nC:\\bin\\'s.\r\b\f\v",
        "Plain",
    ]


KEPT_BREAKS = rb"""review_id	film	text
1	\N	\
One\
two\	three.\\
x	Film	"Tin" is a\
film
\N	Film	Plain.
"""


def test_a_backslash_before_a_line_break_is_part_of_the_text_of_a_dump(tmp_path: Path) -> None:
    found = [(row["review_id"], row["movie_id"], row["text"]) for row in read(tmp_path, "a.tsv", KEPT_BREAKS)]
    assert found == [
        ("1", None, "\nOne\ntwo\tthree.\\"),
        ("x", "Film", '"Tin" is a\nfilm'),
        (None, "Film", "Plain."),
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_breaks_of_a_dump_are_written_out_in_pieces_of_any_size(size: int) -> None:
    data = b"a\\\\\tb\\\r\nc\\\td\\\\\\\ne\\N"
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert b"".join(write_out_breaks(pieces)) == rb"a\\	b\nc\td\\\ne\N"


def test_a_question_beside_numbered_columns_may_be_named_as_the_text(tmp_path: Path) -> None:
    rows = b'1,2,"How did you like it, all in all?"\n3,4,Well enough.\n'
    assert refuse(tmp_path, "a.csv", rows).rule == "text_column_missing"
    assert read_texts(tmp_path, "a.csv", rows, text_column="How did you like it, all in all?") == [
        "Well enough."
    ]


def test_a_text_that_ends_with_a_backslash_keeps_its_row(tmp_path: Path) -> None:
    rows = read(tmp_path, "a.tsv", b"id\ttext\n1\tIt ends so \\\n2\tAnother\n")
    assert [row["text"] for row in rows] == ["It ends so \\", "Another"]


@pytest.mark.parametrize("text", [r"C:\Users is \n here", r'"quoted\n"'])
def test_backslashes_of_other_files_with_tabs_stay(tmp_path: Path, text: str) -> None:
    assert read_texts(tmp_path, "a.tsv", f"id\ttext\n1\t{text}\n".encode()) == [text.strip('"')]


@given(texts=st.lists(st.text('ab"\\\n', min_size=1).filter(str.strip), min_size=1), size=st.integers(1, 9))
def test_escaped_quotes_are_read_in_pieces_of_any_size(texts: list[str], size: int) -> None:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    data = "\n".join(f'"{text}"' for text in quoted).encode()
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    parsed = csv.reader(io.StringIO(b"".join(unescape(pieces)).decode(), newline=""))
    assert [field for [field] in parsed] == texts


# Encodings


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.csv.gz"])
@pytest.mark.parametrize("option", ["encoding", "fallback_encoding"])
def test_a_file_in_the_encoding_that_is_named_is_read(tmp_path: Path, name: str, option: str) -> None:
    data = encode_csv(UMLAUTS).decode().encode("cp1252")
    rows = read(tmp_path, name, to_gz(data) if name.endswith(".gz") else data, **{option: "cp1252"})
    expected = [row["text"] for row in UMLAUTS] if "csv" in name else [data.decode("cp1252")]
    assert [row["text"] for row in rows] == expected


def test_a_byte_order_mark_counts_more_than_the_encoding_that_is_named(tmp_path: Path) -> None:
    data = encode_csv(UMLAUTS).decode().encode("utf-8-sig")
    for options in ({"encoding": "cp1252"}, {"fallback_encoding": "cp1252"}):
        assert read_texts(tmp_path, "a.csv", data, **options)[0] == UMLAUTS[0]["text"]


def test_a_file_in_utf_8_is_read_as_such_whatever_the_fallback(tmp_path: Path) -> None:
    assert (
        read_texts(tmp_path, "a.csv", encode_csv(UMLAUTS), fallback_encoding="cp1252")[0]
        == UMLAUTS[0]["text"]
    )


def test_a_bad_row_of_a_file_in_utf_8_is_set_aside_whatever_the_fallback(tmp_path: Path) -> None:
    data = "text,n\nSchön,1\nSch".encode() + b"\xf6n,2\n"
    rows = read(tmp_path, "a.csv", data, fallback_encoding="cp1252")
    assert [row["rule"] for row in rows] == [None, "text_encoding"]


def test_without_an_encoding_that_is_named_none_is_guessed(tmp_path: Path) -> None:
    rows = read(tmp_path, "a.csv", "text,n\nSchön,1\nBad,2\n".encode("cp1252"))
    assert [row["rule"] for row in rows] == ["text_encoding", None]


def test_bytes_that_the_encoding_does_not_have_refuse_the_file(tmp_path: Path) -> None:
    error = refuse(tmp_path, "a.csv", b"text\nA \x81 film\n", encoding="cp1252")
    assert error.rule == "encoding_broken"
    assert "CP1252" in error.detail


def test_names_of_columns_that_are_not_utf_8_are_refused_with_both_ways_out(tmp_path: Path) -> None:
    error = refuse(tmp_path, "a.csv", "text,Größe\nA film.,1\n".encode("cp1252"))
    assert error.rule == "header_broken"
    assert "save it as CSV UTF-8, or set REVIEWS_FALLBACK_ENCODING" in error.detail


@pytest.mark.parametrize(
    "options", [{"encoding": "latin-9000"}, {"encoding": "rot13"}, {"fallback_encoding": "utf-16"}]
)
def test_an_encoding_that_can_not_be_one_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="encoding"):
        ReadOptions(**options)


@given(
    st.text(st.characters(codec="cp1252"), max_size=30),
    st.sampled_from(["cp1252", "utf-8"]),
    st.integers(1, 9),
)
def test_the_first_character_beyond_ascii_decides_however_much_is_read_at_a_time(
    text: str, encoding: str, size: int
) -> None:
    data = f"ABCD{text}".encode(encoding)
    options = ReadOptions(fallback_encoding="cp1252")
    found = []
    for step in (len(data), size):
        chunks = (data[start : start + step] for start in range(0, len(data), step))
        found.append(b"".join(to_utf8(chunks, options)))
    assert found[0] == found[1]
    assert encoding == "cp1252" or found[0] == data


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_that_were_joined_with_their_byte_order_marks_are_one_table(
    tmp_path: Path, encoding: str
) -> None:
    parts = ('review_id,text\na1,"Fine, really"\n', "review_id,text\na2,Bad\n", "a3,Dull\n")
    rows = read(tmp_path, "a.csv", b"".join(part.encode(encoding) for part in parts))
    assert [row["review_id"] for row in rows if row["rule"] is None] == ["a1", "a2", "a3"]
    assert [(row["rule"], row["detail"]) for row in rows[1:2]] == [
        ("row_shape", "it repeats the column names")
    ]


@pytest.mark.parametrize("size", range(1, 9))
def test_byte_order_marks_of_lines_are_dropped_in_pieces_of_any_size(size: int) -> None:
    data = "a\n\ufeffb\ufeff\n\n\ufeffc\ufefe\n".encode()
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert b"".join(drop_inner_marks(pieces)).decode() == "a\nb\ufeff\n\nc\ufefe\n"


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
    options = {"encoding": encoding} if not encoding.startswith("utf") else {}
    options |= {"delimiter": separator} if separator == "^" else {}
    rows = read(tmp_path, "a.csv", stream.getvalue().encode(encoding), **options)
    texts = ["" if stands_for_no_text(text) else text for text, _ in table]
    assert [row["text"] if row["rule"] is None else "" for row in rows] == texts


@given(st.text('"a\t\n', max_size=12), st.booleans())
def test_quotes_that_are_found_strict_at_once_are_so_field_after_field(text: str, is_whole: bool) -> None:
    data = ("bbbbbbb\n" * len(text) + text).encode()
    if delimited_quotes._is_surely_strict(data, is_whole, "\t"):
        end = delimited_quotes._measure_strict(data, "\t")
        is_open = delimited_quotes._compile_open(False).fullmatch(data, end) is not None
        assert end == len(data) or (is_open and not is_whole)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=2, max_size=2),
    )
)
def test_further_columns_are_json_without_empty_values(columns: dict[str, list[str]]) -> None:
    objects = format_columns({name: pa.array(values, pa.string()) for name, values in columns.items()})
    filled = [{name: values[row] for name, values in columns.items() if values[row]} for row in range(2)]
    expected = [json.dumps(row, ensure_ascii=False) if row else None for row in filled]
    assert (objects.to_pylist() if objects else [None, None]) == expected


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_a_first_line_of_very_many_columns_is_refused_before_their_names_are_looked_at(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def select(names: Sequence[str], plan: ReadingPlan) -> Columns:
        widths.append(len(names))
        return select_columns(names, plan)

    for module in (delimited_header, txt_table_or_review):
        monkeypatch.setattr(module, "select_columns", select)
    path = tmp_path / name
    path.write_bytes(b"text,rating" + b"," * 60_000 + b"\nx\n")
    with pytest.raises(FileRefusedError, match="60,002 columns, the limit is 10,000"):
        list(read_review_file(path))
    assert max(widths) <= 10_000


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
