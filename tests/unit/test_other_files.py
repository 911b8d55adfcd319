"""Tests of the files of platforms' exports that hold no reviews: they are passed over in an archive, refused alone."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import FileRefusedError
from tasks.containers.members import Member
from tasks.containers.unpacking_limits import ContainerLimits
from tasks.review_files.exports.other_files import (
    HEAD_BYTES,
    OTHER_FILES,
    OtherFile,
    PassedOver,
    find_other_file,
    pass_over_other_files,
)
from tasks.review_files.inference import first_pass
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tests.support.review_file_builders import to_gz, to_tar, to_zip

FILM = "Date,Name,Year,Letterboxd URI"
WATCHED = f"{FILM}\n2026-01-02,Amber Hill,2019,https://boxd.it/f1\n"
RATINGS = f"{FILM},Rating\n2026-01-02,Amber Hill,2019,https://boxd.it/f1,4\n"
DIARY = (
    f"{FILM},Rating,Rewatch,Tags,Watched Date\n2026-01-02,Amber Hill,2019,https://boxd.it/d1,4,,,2026-01-01\n"
)
PROFILE = (
    "Date Joined,Username,Given Name,Family Name,Email Address,Location,Website,Bio,Pronoun,Favorite Films\n"
    "2020-01-01,ann,Ann,,,,,I like films.,They / their,https://boxd.it/f1\n"
)
LIST = (
    "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n"
    '2026-01-01,Best,,https://boxd.it/l1,"Mine,\nof course"\n\n'
    "Position,Name,Year,URL,Description\n1,Amber Hill,2019,https://boxd.it/f1,Slow but fine.\n"
)
LIST_TITLE, LIST_FACTS, *_ = LIST.splitlines()
LISTED = "Position,Name,Year,URL,Description"
LIKES = "Date,Content\n2026-01-02,https://boxd.it/x1\n2026-01-03,https://boxd.it/x2\n"
COMMENTS = 'Date,Content,Comment\n2026-01-03,https://boxd.it/c1,"I agree.\n\nIt is ""great""."\n'
ORPHANED = "Date,Content,Comment\n2026-01-03,,A nice show.\n2026-01-04,,Fair.\n"
ALONE = {"films": WATCHED, "ratings": RATINGS, "diary": DIARY, "profile": PROFILE, "list": LIST, "likes": LIKES,
         "comments": COMMENTS}  # fmt: skip


def write_reviews(*texts: str) -> str:
    header = f"{FILM},Rating,Rewatch,Review,Tags,Watched Date\n"
    return header + "".join(
        f"2026-01-02,Grey Lake,2018,https://boxd.it/{text},4,,{text},,\n" for text in texts
    )


EXPORT = {
    "profile.csv": PROFILE,
    "watched.csv": WATCHED,
    "watchlist.csv": f"{FILM}\n",
    "ratings.csv": RATINGS,
    "diary.csv": DIARY,
    "comments.csv": COMMENTS,
    "reviews.csv": write_reviews("Slow", "Fine"),
    "likes/films.csv": WATCHED,
    "likes/reviews.csv": LIKES,
    "likes/lists.csv": "Date,Content\n",
    "lists/best.csv": LIST,
    "deleted/diary.csv": DIARY,
    "deleted/reviews.csv": write_reviews("Dull"),
    "deleted/comments.csv": "Date,Content,Comment\n",
    "deleted/lists/old.csv": LIST,
    "orphaned/diary.csv": DIARY.replace("https://boxd.it/d1", ""),
    "orphaned/comments.csv": ORPHANED,
    "orphaned/reviews.csv": write_reviews("Odd").replace("https://boxd.it/Odd", ""),
}
"""All that an export of Letterboxd may have."""


def read(path: Path, content: bytes | str, **options: Any) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return the rows of a file with this content, and the kinds of what was passed over in it."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    passed = Counter[str]()
    stated = ReadOptions(**options, report_passed_over=lambda path, kind: passed.update([kind]))
    return [row for batch in read_review_file(path, stated) for row in batch.to_pylist()], passed


def refuse(path: Path, content: bytes | str, **options: Any) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as refused:
        read(path, content, **options)
    return refused.value


def encode(members: dict[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in members.items()}


def find(text: str | bytes, format_name: str = "csv", **options: Any) -> OtherFile | None:
    head = text.encode() if isinstance(text, str) else text
    return find_other_file(head, format_name, ReadOptions(**options))


@pytest.mark.parametrize("name", ["letterboxd-ann.zip", "letterboxd-ann.tar.gz"])
def test_of_a_whole_export_the_reviews_are_read_and_all_else_is_passed_over(
    tmp_path: Path, name: str
) -> None:
    members = encode({f"letterboxd-ann/{path}": content for path, content in EXPORT.items()})
    data = to_zip(members) if name.endswith("zip") else to_gz(to_tar(members))
    rows, passed = read(tmp_path / name, data)
    assert [(row["row_number"], row["member"], row["text"], row["given_rating"]) for row in rows] == [
        (1, "letterboxd-ann/reviews.csv", "Slow", 8),
        (2, "letterboxd-ann/reviews.csv", "Fine", 8),
        (3, "letterboxd-ann/deleted/reviews.csv", "Dull", 8),
        (4, "letterboxd-ann/orphaned/reviews.csv", "Odd", 8),
    ]
    assert {name.removeprefix("Letterboxd "): files for name, files in passed.items()} == {
        "profile": 1, "films": 3, "ratings": 1, "diary": 3, "comments": 3, "likes": 2, "list": 2,
    }  # fmt: skip


def test_what_is_known_is_complete() -> None:
    assert {each.name for each in OTHER_FILES} == ALONE.keys()
    assert len({(each.header, each.path) for each in OTHER_FILES}) == len(OTHER_FILES)


@pytest.mark.parametrize("name", ALONE)
def test_such_a_file_alone_is_refused_with_what_it_is_and_which_one_to_give(
    tmp_path: Path, name: str
) -> None:
    [known] = [each for each in OTHER_FILES if each.name == name and each.path is None]
    refused = refuse(tmp_path / "a.csv", ALONE[name])
    assert refused.rule == "no_reviews"
    said = f"it is a file of Letterboxd with {known.holds}; the reviews of that export are in 'reviews.csv'. "
    assert refused.detail.startswith(said)


def test_a_compressed_one_is_refused_too(tmp_path: Path) -> None:
    assert refuse(tmp_path / "diary.csv.gz", to_gz(DIARY.encode())).rule == "no_reviews"


def test_an_archive_of_nothing_else_is_refused_with_what_it_has(tmp_path: Path) -> None:
    data = to_zip(encode({"diary.csv": DIARY, "likes/films.csv": WATCHED, "watched.csv": WATCHED}))
    refused = refuse(tmp_path / "a.zip", data)
    assert (refused.rule, refused.detail.partition(". ")[0]) == (
        "archive_empty",
        "3 files in it without reviews: Letterboxd diary (diary.csv); "
        "Letterboxd films (likes/films.csv, watched.csv)",
    )


@pytest.mark.parametrize(
    "text",
    [
        DIARY.replace("\n", "\r\n"),
        DIARY.replace("\n", "\r"),
        f"\ufeff{DIARY}",
        DIARY.encode("utf-16"),
        DIARY.encode("utf-32"),
        DIARY.replace(",", ";"),
        DIARY.replace(",", "\t"),
        '"Date","Name","Year","Letterboxd URI","Rating","Rewatch","Tags","Watched Date"\n',
        DIARY.partition("\n")[0],
    ],
)
def test_the_same_line_is_known_however_it_is_written(text: str | bytes) -> None:
    for format_name in ("csv", "tsv"):
        found = find(text, format_name)
        assert found is not None
        assert found.name == "diary"


@pytest.mark.parametrize(
    "line",
    [
        f"{FILM},Rating,Rewatch,Tags,Watched Date,Notes",
        f"Notes,{FILM}",
        f"{FILM},Rating,Rewatch,Watched Date",
        f"{FILM},Rating,Rewatch,Watched Date,Tags",
        FILM.lower(),
        FILM.replace(",", ", "),
        FILM.replace(",", ",;"),
        f"{FILM},",
        f"\n{FILM}",
        f'"{FILM}"',
        "Date,Content,Comments",
        '"',
        "",
    ],
)
def test_another_first_line_is_that_of_another_file(line: str) -> None:
    assert find(f"{line}\n2026-01-02,https://boxd.it/x1,A film\n") is None


def test_a_member_with_one_more_column_is_refused_as_any_without_a_text(tmp_path: Path) -> None:
    members = encode({"diary.csv": DIARY.replace("Tags", "Tags,Mood"), "reviews.csv": EXPORT["reviews.csv"]})
    refused = refuse(tmp_path / "a.zip", to_zip(members))
    assert refused.rule == "text_column_missing"
    assert "member 'diary.csv'" in refused.detail


@pytest.mark.parametrize("header", ["Date,Content", "Date,Content,Comment"])
@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["A slow film"],
        ["https://boxd.it/x1", "A slow film", "https://boxd.it/x2"],
        ["A slow film on https://boxd.it/x1"],
        ["https://example.com/1"],
        ["https://boxd.it/x1 is a slow film"],
        [""],
    ],
)
def test_a_header_that_others_may_have_is_that_of_letterboxd_only_above_its_links(
    tmp_path: Path, header: str, texts: list[str]
) -> None:
    rows, _ = read(tmp_path / "a.csv", f"{header}\n" + "".join(f"2026-01-02,{text}\n" for text in texts))
    assert len(rows) == len(texts)


def test_a_link_counts_where_the_end_of_what_is_read_cuts_the_first_row() -> None:
    found = find(f'Date,Content,Comment\n2026-01-02,https://boxd.it/x1,"{"So long. " * HEAD_BYTES}"\n')
    assert found is not None
    assert found.name == "comments"


@pytest.mark.parametrize(
    ("name", "column"), [("comments", "Comment"), ("likes", " content"), ("list", "Description")]
)
def test_a_column_that_is_named_as_the_text_is_read(name: str, column: str) -> None:
    assert find(ALONE[name], text_column=column) is None
    assert find(ALONE[name], plan=ReadingPlan(text=(column,))) is None
    assert find(ALONE[name], text_column="Review") is not None


@pytest.mark.parametrize("name", ALONE)
def test_a_film_that_is_called_as_the_text_column_names_none(name: str) -> None:
    text = ALONE[name].replace("Amber Hill", "Review").replace("Best", "Review").replace("ann", "Review")
    assert find(text, text_column="Review") is not None


def test_comments_are_read_where_their_column_is_named(tmp_path: Path) -> None:
    [row], _ = read(tmp_path / "comments.csv", COMMENTS, text_column="Comment")
    assert row["text"].startswith("I agree.")


@pytest.mark.parametrize(
    ("path", "text", "is_known"),
    [
        ("orphaned/comments.csv", ORPHANED, True),
        ("letterboxd-ann/orphaned/comments.csv", ORPHANED, True),
        ("orphaned/comments.csv", ORPHANED.replace(",,Fair.", ",A slow film,Fair.\n2026-01-05,,"), False),
        ("not-orphaned/comments.csv", ORPHANED, False),
        ("comments.csv", ORPHANED, False),
        (None, ORPHANED, False),
        ("orphaned/comments.csv.gz", ORPHANED, True),
        ("orphaned/comments.csv.old", ORPHANED, False),
    ],
)
def test_comments_on_what_is_gone_are_known_by_their_path_too(
    path: str | None, text: str, is_known: bool
) -> None:
    assert (find_other_file(text.encode(), "csv", ReadOptions(), path) is not None) == is_known


def test_a_stated_delimiter_is_the_only_one() -> None:
    assert find(WATCHED, delimiter=";") is None
    assert find(WATCHED.replace(",", ";"), delimiter=";") is not None


def test_a_member_is_judged_by_its_first_bytes_however_large_it_is() -> None:
    taken = Counter[str]()

    def endless(line: bytes) -> Iterator[bytes]:
        yield DIARY.encode().ljust(HEAD_BYTES - 4, b"\n") + b"2026"  # which ends in the middle of a row
        while True:
            taken["chunks"] += 1
            yield line

    members = [Member(name, "csv", endless(b"-01-02,,,,,,,\n" * 100), name) for name in ("a.csv", "b.csv")]
    with pytest.raises(FileRefusedError, match="archive_empty"):
        list(pass_over_other_files(iter(members), ReadOptions()))
    assert taken["chunks"] == len(members)


@pytest.mark.parametrize("limit", ["member_bytes", "total_bytes"])
def test_a_member_that_is_passed_over_is_under_the_limits_of_every_archive(
    tmp_path: Path, limit: str
) -> None:
    members = encode({"watched.csv": WATCHED * 2000, "reviews.csv": EXPORT["reviews.csv"]})
    limits = ContainerLimits(**{"unsuspected_bytes": 9000, "ratio": 1, limit: 9000})
    assert refuse(tmp_path / "a.zip", to_zip(members), limits=limits).rule == "bomb_suspected"


def test_a_file_that_is_read_twice_is_passed_over_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_pass, "MOST_AHEAD", 1000)
    rated = "text,rating\n" + "".join(f"Fine {number},{number % 10 + 1}\n" for number in range(400))
    members = encode({"diary.csv": DIARY, "watched.csv": WATCHED, "a.csv": rated, "ratings.csv": RATINGS})
    rows, passed = read(tmp_path / "a.zip", to_zip(members), batch_rows=50)
    assert [row["given_rating"] for row in rows] == [number % 10 + 1 for number in range(400)]
    assert passed.total() == 3


@pytest.mark.parametrize(
    "text",
    [
        LIST.replace("v7", "v8"),
        LIST.replace("v7", "v7,"),
        LIST.replace(LIST_FACTS, f"{LIST_FACTS},Mood"),
        LIST.replace(LISTED, f"{LISTED},Review"),
        LIST.replace(LISTED, LISTED.replace("Description", "Review")),
        LIST.replace("Slow but fine.", "Slow but fine.,A review"),
        LIST.replace("2026-01-01,Best,", "2026-01-01,Best,A review,"),
        LIST.replace("Mine,", '"Mine,'),
        LIST.partition("\n\n")[0],
        f"{LIST_TITLE}\n",
        f"{LIST_TITLE}\n{LIST_FACTS}\n",
        f"{LIST_TITLE}\n{LIST_FACTS}\n{LISTED}\n1,Amber Hill,2019,https://boxd.it/f1,Slow\n",
        LIST.replace(LIST_FACTS, LISTED),
        f"{LIST_TITLE}\ntext,rating\nA slow film,4\n",
        f"{LIST_TITLE}\nreview_id,text,label,label_of\na,A slow film,positive,\n",
    ],
)
def test_a_title_of_a_list_above_anything_but_a_list_says_nothing(text: str) -> None:
    assert find(text) is None
    assert find(LIST.partition("1,Amber")[0]) is not None


def test_reviews_below_the_title_of_a_list_are_read(tmp_path: Path) -> None:
    members = {"a.csv": f"{LIST_TITLE}\nid,text\n1,A slow film\n", "reviews.csv": EXPORT["reviews.csv"]}
    rows, passed = read(tmp_path / "a.zip", to_zip(encode(members)))
    assert ([row["text"] for row in rows], passed.total()) == (["A slow film", "Slow", "Fine"], 0)


@pytest.mark.parametrize("name", ["films", "ratings", "diary", "profile", "list"])
@pytest.mark.parametrize("times", [1, 2 * HEAD_BYTES])
def test_a_file_with_a_row_of_more_fields_is_read_like_any_other(name: str, times: int) -> None:
    assert find(ALONE[name].removesuffix("\n") + f",{'A' * times}\n") is None
    assert find(ALONE[name] + "A slow film\n" * times) is None


@pytest.mark.parametrize("name", ALONE)
def test_of_a_file_that_is_cut_the_last_row_is_not_judged(name: str) -> None:
    last = "2026"
    filled = ALONE[name].ljust(HEAD_BYTES - len(last), "\n") + last
    assert find(filled) is None
    assert (find(f"{filled},") is not None) == (name != "profile")  # which has no second row


@pytest.mark.parametrize("header", ["Date,Content", "Date,Content,Comment"])
def test_the_last_row_of_a_whole_file_is_judged(header: str) -> None:
    link = "2026-01-02,https://boxd.it/x1" + ",Fair" * header.count("Comment")
    text = f"{header}\n" + f"{link}\n" * 3 + link.replace("https://boxd.it/x1", "A slow film")
    assert find(text) is None
    assert find(text.replace("A slow film", "https://boxd.it/x2")) is not None


def test_quotes_that_are_not_closed_leave_a_file_in_doubt() -> None:
    assert find(f'{COMMENTS}2026-01-03,https://boxd.it/c1,"Fair\n2026-01-04,A slow film,\n') is None


@pytest.mark.parametrize("name", [name for name in ALONE if name != "profile"])
@pytest.mark.parametrize("stray", ['"Great film,text', '2026-01-02,"Great film', 'A film,"'])
def test_a_stray_quote_hides_no_rows_below_it_in_a_file_that_is_cut(name: str, stray: str) -> None:
    assert find(ALONE[name] + f"{stray}\n" + "Fine film,a text\n" * HEAD_BYTES) is None


@pytest.mark.parametrize("end", ["\n", "\r", '\nIt is ""great"".\n'])
def test_only_a_text_beside_a_link_or_nothing_may_span_lines_where_a_file_is_cut(end: str) -> None:
    lines = f"I agree.{end}" * HEAD_BYTES
    comments = [
        f'{COMMENTS}2026-01-03,{beside},"{lines}' for beside in ("https://boxd.it/c2", "", "A slow film")
    ]
    assert [found and found.name for found in map(find, comments)] == ["comments", "comments", None]
    notes = [
        f'{LIST}2,Grey Lake,2018,{beside},"{lines}' for beside in ("https://boxd.it/f2", "", "A slow film")
    ]
    assert [found and found.name for found in map(find, notes)] == ["list", None, None]
    assert find(f'{COMMENTS.splitlines()[0]}\n2026-01-03,,"{lines}') is None
    gone = f'{ORPHANED}2026-01-05,,"{lines}'.encode()
    assert find_other_file(gone, "csv", ReadOptions(), "orphaned/comments.csv") is not None


@pytest.mark.parametrize("name", ALONE)
def test_wrong_quotes_leave_a_file_that_is_cut_in_doubt_too(name: str) -> None:
    first = "1" if name == "list" else "2026-01-02"
    assert find(ALONE[name] + f'{first},"https://boxd.it/x1" \n' + "\n" * HEAD_BYTES) is None


@pytest.mark.parametrize("name", ["films", "ratings", "diary", "list"])
@pytest.mark.parametrize("first", ["id", "A film", "2026-01-02 A film", "2026-01-0", "1.5"])
@pytest.mark.parametrize("filler", ["", "\n" * HEAD_BYTES])
def test_another_table_of_the_same_width_below_is_read(name: str, first: str, filler: str) -> None:
    width = ALONE[name].splitlines()[-1].count(",")
    assert find(ALONE[name] + first + "," * width + filler) is None
    assert find(f"{ALONE[name]}{first}{',' * width}\n{ALONE[name].splitlines()[-1]}\n{filler}") is None


@pytest.mark.parametrize("name", ["films", "ratings", "diary", "list"])
def test_a_row_without_its_first_field_leaves_no_doubt(name: str) -> None:
    assert find(ALONE[name] + "," * ALONE[name].splitlines()[-1].count(",")) is not None


@pytest.mark.parametrize(
    "rows", [[], [""], ["", "2020-01-01"], ["2020-01-01"] * 2, ["id"], ["2020-01-01", "id"]]
)
def test_a_profile_has_one_row_that_begins_with_a_date(rows: list[str]) -> None:
    header = PROFILE.splitlines()[0]
    text = header + "".join(f"\n{first}" + "," * header.count(",") for first in rows)
    assert find(text) is None
    assert find(f"{header}\n2020-01-01" + "," * header.count(",")) is not None


@pytest.mark.parametrize("header", ["Date,Content", "Date,Content,Comment"])
def test_in_an_archive_a_header_without_rows_is_passed_over_as_nothing_can_be_lost(header: str) -> None:
    for text in (header, f"{header}\n", f"{header}\n\n"):
        assert find_other_file(text.encode(), "csv", ReadOptions(), "likes/lists.csv") is not None
        assert find(text) is None
    filled = f"{header}\n" + "\n" * HEAD_BYTES
    assert find_other_file(filled.encode(), "csv", ReadOptions(), "likes/lists.csv") is None


@pytest.mark.parametrize("stated", [{"text_column": "Review"}, {"plan": ReadingPlan(text=("Review",))}])
def test_a_whole_export_is_read_by_the_name_of_its_texts_too(tmp_path: Path, stated: dict[str, Any]) -> None:
    rows, passed = read(tmp_path / "a.zip", to_zip(encode(EXPORT)), **stated)
    assert [row["text"] for row in rows] == ["Slow", "Fine", "Dull", "Odd"]
    assert passed.total() == len(EXPORT) - 3


@pytest.mark.parametrize("text", [LIKES, COMMENTS])
def test_a_row_without_a_link_beside_one_with_it_leaves_no_doubt(text: str) -> None:
    gone = text.splitlines()[0] + "\n2026-01-01," + ",Gone" * ("Comment" in text) + "\n"
    assert find(gone) is None
    assert find(gone + text.partition("\n")[2]) is not None


def test_the_first_files_of_each_kind_that_are_passed_over_are_named_and_the_others_counted() -> None:
    passed = PassedOver()
    assert passed.describe() == ""
    passed.add("diary.csv", "Letterboxd diary")
    assert passed.describe() == "1 file in it without reviews: Letterboxd diary (diary.csv)"
    for number in range(5):
        passed.add(f"lists/{number}.csv", "Letterboxd list")
    assert passed.describe() == (
        "6 files in it without reviews: Letterboxd diary (diary.csv); "
        "Letterboxd list (lists/0.csv, lists/1.csv and 3 others)"
    )
