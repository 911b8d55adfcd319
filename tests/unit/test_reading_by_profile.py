"""Tests that what a profile says of a file is applied, and that without one only clear values are read."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import RowLimits
from data_contracts.sources.profile import Profile, Rating
from tasks.inbox.source_files import SourceFile
from tasks.reading.reader import ReadOptions, read_review_file
from tasks.reading.values import make_date_parser, make_rating_parser
from tasks.scoring.chunks import read_chunks
from tasks.scoring.file_outcomes import Tally
from tests.support.profiles import make_profile
from tests.support.review_file_builders import ENCODERS, encode_csv, encode_jsonl, to_zip

WHOLE = make_profile(
    *("Headline", "What you liked", "Body"),
    review_id="No",
    reviewed_at="Day",
    given_label="Verdict",
    given_rating="Marks",
    author="By",
    tables={
        "movie": "tt1",
        "dates": {"format": "day-first", "time_zone": "Europe/Berlin"},
        "rating": {"lowest": 0, "highest": 100, "decimal_comma": True, "words": {"superb": 100}},
        "labels": {"positive": ["buy"], "negative": ["avoid"], "none": ["unsure"]},
    },
)
ROW = {
    "Headline": "Fine",
    "what_you_liked": "",
    "Body": "A fine film.",
    "No": "7",
    "day": "03/04/2026 12:00",
    "Verdict": "Buy",
    "Marks": "50,0",
    "By": "Ann",
    "rating": "3",
}


def read(folder: Path, data: bytes, profile: Profile | None, name: str = "a.csv") -> list[dict[str, Any]]:
    path = folder / name
    path.write_bytes(data)
    batches = read_review_file(path, ReadOptions(profile=profile))
    return [row for batch in batches for row in batch.to_pylist()]


def read_one(folder: Path, row: dict[str, Any], profile: Profile | None = None) -> dict[str, Any]:
    [found] = read(folder, encode_jsonl([row]), profile, "a.jsonl")
    return found


# Columns


@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "jsonl", pytest.param("parquet", marks=pytest.mark.process)]
)
def test_a_profile_says_what_every_column_becomes(tmp_path: Path, ending: str) -> None:
    [row] = read(tmp_path, ENCODERS[ending]([ROW]), WHOLE, f"a.{ending}")
    assert (row["text"], row["review_id"], row["movie_id"]) == ("Fine\n\nA fine film.", "7", "tt1")
    assert row["reviewed_at"] == datetime(2026, 4, 3, 10, tzinfo=UTC)
    assert (row["given_label"], row["given_rating"]) == ("positive", 5.5)
    assert json.loads(row["extra"]) == {"author": "Ann", "rating": "3"}


def test_ids_that_do_not_hold_across_files_are_kept_as_a_further_column(tmp_path: Path) -> None:
    profile = make_profile("text", review_id="id", tables={"ids_hold_across_files": False})
    row = read_one(tmp_path, {"text": "t", "id": "7"}, profile)
    assert (row["review_id"], json.loads(row["extra"])) == (None, {"id": "7"})


def test_a_file_that_lacks_a_column_of_its_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefusedError, match="profile_column_missing") as refused:
        read(tmp_path, b"text,film\na,b\n", make_profile("text", movie_id="title"))
    assert "'title'" in refused.value.detail


def test_of_lines_one_at_least_has_each_column_of_their_profile(tmp_path: Path) -> None:
    profile = make_profile("text", movie_id="title", tables={"rows": {"never": {"spam": ["yes"]}}})
    lines = encode_jsonl([{"text": "t"}] * 3)
    with pytest.raises(FileRefusedError, match="profile_column_missing") as refused:
        read(tmp_path, lines, profile, "a.jsonl")
    assert "'title'" in refused.value.detail
    (tmp_path / "b.jsonl").write_bytes(lines + encode_jsonl([{"text": "t", "Title": "Up"}]))
    options = ReadOptions(profile=profile, batch_rows=2)
    assert sum(map(len, read_review_file(tmp_path / "b.jsonl", options))) == 4


def test_of_an_archive_only_the_members_that_the_profile_names_are_read(tmp_path: Path) -> None:
    data = to_zip({"x/reviews.csv": b"text\nGood\n", "x/notes.csv": b"text\nNo\n", "x/movies.docx": b"?"})
    profile = make_profile("text", tables={"file": {"members": "*/reviews.csv"}})
    assert [row["text"] for row in read(tmp_path, data, profile, "a.zip")] == ["Good"]


# Rows


@pytest.mark.parametrize(
    "rows", [{"only": {"status": ["ok", "shown"]}}, {"never": {"status": ["SPAM", "hidden"]}}]
)
def test_rows_of_which_a_column_says_that_they_are_no_reviews_are_set_aside(
    tmp_path: Path, rows: dict[str, Any]
) -> None:
    states = ["ok", "Spam ", " Shown", "hidden"]
    data = encode_csv([{"text": "A film.", "Status": state} for state in states])
    found = read(tmp_path, data, make_profile("text", tables={"rows": rows}))
    assert [row["rule"] for row in found] == [None, "no_review", None, "no_review"]
    assert (found[1]["text"], found[1]["raw"], "'Spam'" in found[1]["detail"]) == (None, b"A film.", True)
    assert [json.loads(row["extra"]) for row in found] == [{"Status": state} for state in states]


def test_a_value_that_is_not_read_takes_the_place_of_no_other_column(tmp_path: Path) -> None:
    profile = make_profile("text", tables={"rating": {"lowest": 1, "highest": 5}}, given_rating="Stars")
    row = read_one(tmp_path, {"text": "A film.", "Stars": "odd", "given_rating": "7"}, profile)
    assert json.loads(row["extra"]) == {"given_rating": "odd", "given_rating_2": "7"}


def test_bad_lines_before_the_first_object_do_not_settle_the_columns(tmp_path: Path) -> None:
    data = b"5\n" * 9000 + encode_jsonl([{"Body": "A film."}] * 2)
    found = read(tmp_path, data, make_profile("Body"), "a.jsonl")
    assert [row["text"] for row in found[9000:]] == ["A film."] * 2
    assert {row["rule"] for row in found[:9000]} == {"row_shape"}


def test_a_text_that_the_profile_says_to_stand_for_none_is_none_in_each_column(tmp_path: Path) -> None:
    profile = make_profile("Plus", "Minus", tables={"rows": {"no_text": ["No Positive", "no negative"]}})
    data = b"Plus,Minus\nFine,No Negative\nno positive ,Dull\nNo Positive,No Negative\n"
    rows = read(tmp_path, data, profile)
    assert [(row["text"], row["rule"]) for row in rows] == [
        ("Fine", None),
        ("Dull", None),
        (None, "text_not_given"),
    ]


@pytest.mark.parametrize("text", ["none", "Nothing", "No Negative", "Deleted", "[deleted scenes]", "#1!"])
def test_what_a_writer_may_say_is_a_text(tmp_path: Path, text: str) -> None:
    assert read_one(tmp_path, {"text": text})["text"] == text


@pytest.mark.parametrize(("equal_texts", "ids"), [("one", 1), ("each", 2)])
def test_equal_texts_without_ids_are_each_a_review_where_the_profile_says_so(
    tmp_path: Path, equal_texts: str, ids: int
) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,id\nGood,\nGood,\nGood,r1\n")
    status = (tmp_path / "a.csv").stat()
    file = SourceFile("a.csv", tmp_path / "a.csv", status.st_size, status.st_mtime_ns, "0" * 64)
    profile = make_profile("text", review_id="id", tables={"rows": {"equal_texts": equal_texts}})
    [chunk] = read_chunks(
        [file], lambda _: ReadOptions(profile=profile), lambda _: RowLimits(), Tally(), lambda _: None
    )
    first, second, given = chunk["review_id"].to_pylist()
    assert (len({first, second}), given) == (ids, "r1")


def test_a_refused_file_takes_no_row_of_another_one_that_came_under_its_name(tmp_path: Path) -> None:
    files = []
    for number, data in enumerate((b"text\nGood.\n", b"verdict\nBad.\n")):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(data)
        status = path.stat()
        files.append(SourceFile("day.csv", path, status.st_size, status.st_mtime_ns, f"{number}" * 64))
    [chunk] = read_chunks(files, lambda _: ReadOptions(), lambda _: RowLimits(), Tally(), lambda _: None)
    assert chunk["text"].to_pylist() == ["Good."]


# Values


def test_a_value_that_is_not_as_the_profile_says_is_that_of_its_row_alone(tmp_path: Path) -> None:
    bad = ROW | {"day": "2026 April", "Verdict": "maybe", "Marks": "101"}
    rows = read(tmp_path, encode_csv([ROW, bad, ROW]), WHOLE)
    assert [row["given_rating"] for row in rows] == [5.5, None, 5.5]
    assert (rows[1]["reviewed_at"], rows[1]["given_label"], rows[1]["rule"]) == (None, None, None)
    kept = {"reviewed_at": "2026 April", "given_label": "maybe", "given_rating": "101"}
    assert kept.items() <= json.loads(rows[1]["extra"]).items()


def test_labels_are_those_of_the_profile_alone(tmp_path: Path) -> None:
    profile = make_profile(
        "text", given_label="mood", tables={"labels": {"positive": [1], "negative": [2], "none": ["?"]}}
    )
    found = [read_one(tmp_path, {"text": "t", "mood": mood}, profile) for mood in (1, "1.0", "2", "?", "pos")]
    assert [row["given_label"] for row in found] == ["positive", "positive", "negative", None, None]
    assert [row["extra"] for row in found] == [None] * 4 + ['{"given_label": "pos"}']


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("01 0", ["negative", "positive", None, "negative"]),
        ("000 ", [None] * 4),
        ("1111", [None] * 4),
        ("012-", [None] * 4),
    ],
)
def test_0_and_1_are_labels_where_a_column_of_labels_has_both_and_nothing_else(
    tmp_path: Path, labels: str, expected: list[str | None]
) -> None:
    data = encode_csv([{"text": "t", "sentiment": label} for label in labels])
    assert [row["given_label"] for row in read(tmp_path, data, None)] == expected


def test_a_name_of_a_hundred_thousand_spaces_is_a_name_as_any(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text(f"text,c{' ' * 100_000}d\na good film,1\n")
    [batch] = read_review_file(path)
    assert batch["text"].to_pylist() == ["a good film"]


@pytest.mark.parametrize("name", ["rating (1-10)", "Stars [1 to 10]", "score_out_of_10", "rating/10"])
def test_a_name_may_state_the_scale_of_its_ratings(tmp_path: Path, name: str) -> None:
    assert read_one(tmp_path, {"text": "t", name: 3})["given_rating"] == 3


@pytest.mark.parametrize("name", ["rating (0-100)", "score/100"])
def test_numbers_that_may_be_percentages_of_a_spreadsheet_are_not_read_without_a_profile(
    tmp_path: Path, name: str
) -> None:
    row = read_one(tmp_path, {"text": "t", name: 0.2})
    assert (row["given_rating"], row["extra"]) == (None, '{"given_rating": "0.2"}')


@pytest.mark.parametrize("names", [("rating", "stars"), ("date", "created_at"), ("movie", "film")])
def test_of_two_columns_for_one_value_none_is_taken_without_a_profile(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    row = read_one(tmp_path, {"text": "t", **dict.fromkeys(names, "8/10")})
    assert (row["given_rating"], row["reviewed_at"], row["movie_id"]) == (None, None, None)
    assert json.loads(row["extra"]) == dict.fromkeys(names, "8/10")


@pytest.mark.parametrize(
    ("found", "form", "expected"),
    [
        ("1 Nov 2026", "clear", datetime(2026, 11, 1)),
        ("31-Jul-18", "day-first", datetime(2018, 7, 31)),
        ("November 1st, 2026", "clear", datetime(2026, 11, 1)),
        ("Reviewed in the United States on July 4, 2022", "clear", datetime(2022, 7, 4)),
        ("2026/11/01 2:33:11 PM GMT+1", "clear", datetime(2026, 11, 1, 13, 33, 11)),
        ("Tue, 14 Nov 2023 22:13:20 GMT", "clear", datetime(2023, 11, 14, 22, 13, 20)),
        ("2026-1-2", "clear", datetime(2026, 1, 2)),
        ("2026-11-02-08:00", "iso", datetime(2026, 11, 2, 8)),
        ("2026-11-02+0530", "clear", datetime(2026, 11, 1, 18, 30)),
        ("11/01/2026", "month-first", datetime(2026, 11, 1)),
        ("11/01/2026", "day-first", datetime(2026, 1, 11)),
        ("09 13, 2009", "month-first", datetime(2009, 9, 13)),
        ("86400", "epoch", datetime(1970, 1, 2)),
        ("1700000000000000", "epoch", datetime(2023, 11, 14, 22, 13, 20)),
        ("20260131.0", "clear", datetime(2026, 1, 31)),
        ("week 3 of 2026", "week %W of %Y", datetime(2026, 1, 1)),
    ],
)
def test_a_date_is_read_by_its_format(found: str, form: str, expected: datetime) -> None:
    assert make_date_parser(form)(found) == expected.replace(tzinfo=UTC)


def test_a_date_without_a_zone_is_in_that_of_the_profile() -> None:
    parse = make_date_parser("day-first", "Europe/Berlin")
    assert parse("01.11.26 08:00") == datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert parse("2026-11-01T08:00Z") == datetime(2026, 11, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "form"),
    [
        ("11/01/2026", "clear"),
        ("31/01/2026", "month-first"),
        ("1 Now 2026", "clear"),
        ("2026-11-01", "epoch"),
        ("2026-11-01", "%d.%m.%Y"),
        ("2326-11-01", "iso"),
        ("1900-01-01", "iso"),
        ("0026-03-05", "clear"),
        ("939340800", "clear"),
        ("1700000000000000", "clear"),
        ("20231114221320", "clear"),
    ],
)
def test_a_date_of_another_format_or_of_no_review_is_not_read(found: str, form: str) -> None:
    with pytest.raises(ValueError, match=r"date|month|isoformat|time data|placeholder|first year"):
        make_date_parser(form)(found)


FIVE, TEN = Rating(lowest=1, highest=5), Rating(lowest=1, highest=10)
COMMA = Rating(lowest=1, highest=5, decimal_comma=True)
HALVES = Rating(lowest=0.5, highest=5)
TURNED = Rating(lowest=1, highest=5, words={"1": 5, "5": 1})


@pytest.mark.parametrize(
    ("found", "scale", "stars"),
    [
        ("4", FIVE, 8),
        ("4,5", COMMA, 9),
        ("7 stars", TEN, 7),
        ("★★★★", FIVE, 8),
        ("★★★½", HALVES, 7),
        ("★★★★☆", None, 8),
        ("½☆☆☆☆", None, 1),
        ("4.0 out of 5 stars", None, 8),
        ("4,5/5,0", COMMA, 9),
        ("50 %", None, 5.5),
        ("0", Rating(lowest=0, highest=10), 1),
        ("100", Rating(lowest=0, highest=100), 10),
        ("Great", Rating(lowest=1, highest=3, words={"great": 3}), 10),
        ("1.0", TURNED, 10),
    ],
)
def test_a_rating_is_read_by_its_scale(found: str, scale: Rating | None, stars: float) -> None:
    assert make_rating_parser(scale)(found) == stars


@pytest.mark.parametrize(
    ("found", "scale"),
    [
        ("4", None),
        ("6", FIVE),
        ("4,5", FIVE),
        ("4.5", COMMA),
        ("1.000", COMMA),
        ("2", TURNED),
        ("1,234", Rating(lowest=0, highest=2000)),
        ("½", TEN),
        ("★★★", TEN),
        ("★★★★★", Rating(lowest=0, highest=100)),
        ("4.5 stars", Rating(lowest=0, highest=100)),
    ],
)
def test_a_rating_off_its_scale_is_not_read(found: str, scale: Rating | None) -> None:
    with pytest.raises(ValueError, match=r"rating|scale|thousands"):
        make_rating_parser(scale)(found)


@pytest.mark.parametrize(
    ("name", "stars"),
    [("given_rating", 4.0), ("Marks (1-5)", 8.0), ("score out of 20", 2.8), ("Marks", None)],
)
def test_the_name_of_a_column_states_its_scale_also_where_a_profile_names_it(
    tmp_path: Path, name: str, stars: float | None
) -> None:
    profile = make_profile("text", given_rating=name)
    assert read_one(tmp_path, {"text": "A fine film.", name: "4"}, profile)["given_rating"] == stars
