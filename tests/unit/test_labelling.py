"""Tests of labels by people: which reviews are chosen, and how answers are asked for, kept and taken in."""

import csv
import errno
import gzip
import json
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import FileRefusedError, StoreUnreachableError, UsageError
from data_contracts.storage.home import Home
from tasks.inbox.source_files import HAS_LABELS, FoundFile, SkippedFile, look_at_named, look_into
from tasks.labelling import kept_answers as answer_files
from tasks.labelling import label_files
from tasks.labelling.asking_in_terminal import Given, Screen, ask_labels
from tasks.labelling.choosing import MIX, ChosenReview, LabelRequest, choose_reviews
from tasks.labelling.intake import (
    TakenLabels,
    list_sheets,
    list_sheets_of_others,
    list_stored_sheets,
    list_waiting,
    take_labels,
)
from tasks.labelling.kept_answers import Answer, finish_sessions, keep_answer, open_answers
from tasks.labelling.sheet import require_new, write_sheet
from tasks.reading.reader import read_review_file
from tasks.reading.rows import ReadOptions
from tasks.store import inbox_objects
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import needs_publishing, publish
from tests.support.filled_tables import FilledTables
from tests.support.once import copy_once
from tests.support.profiles import make_profile
from tests.support.review_file_builders import encode_csv, encode_jsonl
from tests.support.scoring_runs import drop
from tests.support.small_disks import limit_file_size
from tests.support.small_home import ask
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part


def make_rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """Return rows whose scores come nearer to 0.5 from one to the next, and whose unknown words get fewer."""
    return [
        {
            "text": f"text {number}",
            "review_id": f"r{number}",
            "movie_id": f"tt{number % 3}",
            "score": 0.5 + (count - number) / (2 * count),
            "oov_rate": (count - number) / count,
            "token_count": 40,
            **values,
        }
        for number in range(count)
    ]


def make_home(folder: Path, *files: Sequence[dict[str, Any]], sources: Sequence[str] = ("shop",)) -> Home:
    """Insert rows as files of sources, scored by the champion, and publish them."""
    home = Home(folder)
    parts = [
        PartFile(f"{number}.csv", rows, ledger={"source": source})
        for number, (rows, source) in enumerate(zip(files, sources, strict=True))
    ]
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (1, 'promote', 'model-a', 'first', NULL, now(), NULL, NULL)"
        )
        tables = FilledTables(connection)
        tables.run(parts, "run-1")
        tables.settle()
    publish(home)
    return home


def choose(
    home: Home, count: int = 20, source: str | None = None, movie: str | None = None
) -> list[ChosenReview]:
    return choose_reviews(home.published, LabelRequest(count, source, movie))


def list_texts(reviews: Sequence[ChosenReview], drawn: str | None = None) -> list[str]:
    return [each.text for each in reviews if drawn in (None, each.drawn)]


# Which reviews


@pytest.mark.slow
def test_half_are_uncertain_a_quarter_unlike_and_a_quarter_random_whatever_the_model(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home", make_rows(40))
    found = choose(home, 8)
    assert [each.drawn for each in found] == [*MIX, *MIX]
    others = [f"text {number}" for number in range(40) if f"text {number}" not in list_texts(found, "random")]
    assert sorted(list_texts(found, "unlike")) == sorted(others[:2])
    assert list_texts(found, "uncertain") == others[:-5:-1]
    drawn = list_texts(found, "random")
    by_another_model = make_home(tmp_path / "other", make_rows(40, score=0.5, oov_rate=0.0))
    assert list_texts(choose(home, 8), "random") == drawn == list_texts(choose(by_another_model, 8), "random")


@pytest.mark.slow
def test_a_text_is_asked_once_and_none_that_has_a_label_by_its_review_or_text(tmp_path: Path) -> None:
    rows = make_rows(6)
    twice = {**rows[0], "review_id": "again", "movie_id": "tt9"}
    older = {**rows[1], "text": "an older text", "given_label": "positive", "reviewed_at": NOON}
    newer = {**rows[1], "reviewed_at": NOON + timedelta(days=1)}
    same_text = {**rows[2], "review_id": None, "movie_id": None, "given_rating": 9}
    home = make_home(tmp_path, [*rows[:1], newer, *rows[2:], twice, older, same_text])
    with open_warehouse(home.warehouse, write=True) as connection:
        values = [hash_text(rows[3]["text"]), "positive", None, True, NOON, "labels/a.csv"]
        connection.execute("INSERT INTO review_labels VALUES (?, ?, ?, ?, ?, ?)", values)
    publish(home)
    found = choose_reviews(home.published, LabelRequest(), [hash_text("text 4")])
    assert sorted(list_texts(found)) == ["text 0", "text 5"]


@pytest.mark.slow
def test_rows_of_other_languages_or_of_earlier_champions_are_not_asked(tmp_path: Path) -> None:
    foreign = {"text": "foreign", "review_id": "f", "in_english": False}
    home = make_home(tmp_path, [*make_rows(2), foreign])
    assert sorted(list_texts(choose(home))) == ["text 0", "text 1"]
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute(
            "INSERT INTO promotions VALUES (2, 'promote', 'model-b', 'next', NULL, now(), NULL, NULL)"
        )
    publish(home)
    assert not choose(home)


@pytest.mark.slow
def test_a_source_or_a_movie_can_be_chosen_but_of_a_movie_none_counts_as_random(tmp_path: Path) -> None:
    other = [{**row, "text": f"other {row['text']}", "review_id": None} for row in make_rows(9)]
    home = make_home(tmp_path, make_rows(9), other, sources=("shop", "other"))
    found = choose(home, source="other")
    assert [each.source for each in found] == ["other"] * 9
    found = choose(home, movie="tt1")
    assert [each.movie_id for each in found] == ["tt1"] * 6
    assert not list_texts(found, "random")


def test_a_source_without_scored_reviews_is_an_error_that_names_those_with_some(home: Home) -> None:
    with pytest.raises(UsageError, match=r"No source 'shp' has scored reviews\..* the sources are shop\."):
        choose(home, source="shp")
    labelled = {hash_text(text) for text in ("fine", "dull", "so so")}
    assert choose_reviews(home.published, LabelRequest(source="shop"), labelled) == []


# Answers in the terminal


def make_reviews(*texts: str) -> list[ChosenReview]:
    return [
        ChosenReview(hash_text(text), text, "shop", f"r{number}", "tt1", "2026-03-01", MIX[number % 4])
        for number, text in enumerate(texts)
    ]


def answer(home: Home, reviews: Sequence[ChosenReview], *typed: str) -> tuple[Given, str]:
    """Answer what is asked; return what was given, and what was shown."""
    said, words = list[str](), iter(typed)
    with open_answers(home) as kept:
        given = ask_labels(reviews, kept, Screen(80, 24), lambda: next(words, None), said.append)
    return given, "\n".join(said)


def read_answers(home: Home) -> list[tuple[Any, ...]]:
    lines = [line for path in sorted(home.labels.glob("*.jsonl")) for line in path.read_text().splitlines()]
    names = ("label_of", "label", "stars", "skipped", "drawn")
    return [tuple(json.loads(line)[name] for name in names) for line in lines]


def test_answers_are_kept_with_the_digest_of_the_text_but_not_the_text(tmp_path: Path) -> None:
    home, reviews = Home(tmp_path), make_reviews("fine", "dull", "so so", "what?")
    given, _ = answer(
        home, reviews, " P", "", "x", "negative", "0", "11", "8.5", "007", "²", "1" * 5000, "7", "s"
    )
    assert (len(given.labels), given.skipped) == (3, 1)
    assert read_answers(home) == [
        (hash_text("fine"), "positive", None, False, "uncertain"),
        (hash_text("dull"), "negative", None, False, "random"),
        (hash_text("so so"), None, 7, False, "uncertain"),
        (hash_text("what?"), None, None, True, "unlike"),
    ]
    [path] = home.labels.iterdir()
    assert "so so" not in path.read_text()


def test_on_a_full_disk_the_answers_before_are_kept_and_the_error_names_their_file(tmp_path: Path) -> None:
    home, reviews = Home(tmp_path), make_reviews("fine", "dull")
    # An answer has some 200 bytes.
    with limit_file_size(300), pytest.raises(OSError, match=r"File too large: '.*/labels/.*\.jsonl'"):
        answer(home, reviews, "p", "n")
    assert [each[:2] for each in read_answers(home)] == [(hash_text("fine"), "positive")]


def test_what_the_model_said_is_not_shown_and_control_characters_are_escaped(tmp_path: Path) -> None:
    long = "word " * 2000
    _, said = answer(Home(tmp_path), make_reviews(f"a \x1b[31mred\x07 film<br />\u202efine {long}"), "q")
    assert "a \\x1b[31mred\\x07 film\n\\u202efine" in said
    assert len(said.splitlines()) < 30
    assert "source shop  movie tt1" in said
    assert not any(word in said for word in ("score", "uncertain", "0.5", "\x1b"))


def test_the_end_of_the_input_keeps_what_was_answered_and_a_session_without_answers_leaves_no_file(
    tmp_path: Path,
) -> None:
    home, reviews = Home(tmp_path), make_reviews("fine", "dull")
    answer(home, reviews)
    assert not list(home.labels.iterdir())
    answer(home, reviews, "p")
    assert len(read_answers(home)) == 1


def test_a_link_in_the_place_of_a_session_is_not_followed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.labels.mkdir(parents=True)
    (tmp_path / "secret").write_text("no line end")
    (home.labels / "a.jsonl.part").symlink_to(tmp_path / "secret")
    finish_sessions(home)
    assert (tmp_path / "secret").read_text() == "no line end"


def test_of_a_killed_session_all_whole_answers_are_kept_and_of_a_living_one_none_is_touched(
    tmp_path: Path,
) -> None:
    home, [review] = Home(tmp_path), make_reviews("fine")
    with open_answers(home) as kept:
        keep_answer(kept, review, Answer("positive"))
        finish_sessions(home)
        [living] = home.labels.iterdir()
        assert living.name.endswith(".part")
        assert not look_into(home.inbox).files
        # As if the process were killed while it wrote the next answer.
        killed = home.labels / "2026-01-01T00-00-00-000000.jsonl.part"
        killed.write_bytes(living.read_bytes() + b'{"label_of": "12')
        finish_sessions(home)
        assert read_answers(home) == [(hash_text("fine"), "positive", None, False, "uncertain")]
        assert living.exists()
        assert not killed.exists()


def test_an_answer_that_was_taken_back_is_nowhere_when_the_session_ends(tmp_path: Path) -> None:
    home, reviews = Home(tmp_path), make_reviews("fine", "dull", "so so")
    answer(home, reviews, "u", "p", "n", "u", "q")
    assert read_answers(home) == [(hash_text("fine"), "positive", None, False, "uncertain")]


def test_each_answer_is_on_disk_before_the_next_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(answer_files, "make_durable", lambda path: synced.append(path.read_bytes()))
    answer(Home(tmp_path), make_reviews("fine", "dull"), "p", "n")
    assert [content.count(b"\n") for content in synced] == [1, 2]


# Sheets


def read_sheet(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_a_formula_is_escaped_in_a_sheet_and_its_label_is_of_the_same_text(tmp_path: Path) -> None:
    texts = ["=1+1", "'=1+1", "@fine", "plain"]
    home = make_home(tmp_path, [{"text": text, "review_id": f"-{text}"} for text in texts])
    sheet = tmp_path / "sheet.csv"
    write_sheet(sheet, choose(home))
    rows = read_sheet(sheet)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in {"=", "+", "-", "@"}]
    filled = [{**row, "label": cell} for row, cell in zip(rows, ("positive", "N", "p", ""), strict=True)]
    drop(home, "labels/back.csv", encode_csv(filled, ";"))
    asked = [review.text for review in choose(home)]
    assert take_labels(home).labels == 3
    expected = dict(zip(map(hash_text, asked), ("positive", "negative", "positive"), strict=False))
    assert dict(ask(home.warehouse, "select text_sha256, given_label from review_labels")) == expected


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=4, unique=True
    )
)
def test_any_text_in_a_sheet_leaves_the_others_in_their_rows(texts: list[str]) -> None:
    folder = Path(os.environ["TESTS_SHARED_FOLDER"]) / "sheets"
    path = folder / "sheet.csv"
    write_sheet(path, make_reviews(*texts))
    assert [row["label_of"] for row in read_sheet(path)] == [hash_text(text) for text in texts]


@pytest.mark.parametrize(("name", "encode"), [("a.csv", encode_csv), ("a.jsonl", encode_jsonl)])
@pytest.mark.parametrize("options", [ReadOptions(), ReadOptions(profile=make_profile("Review"))])
def test_a_sheet_is_not_read_as_reviews_whatever_the_profile_says(
    tmp_path: Path, name: str, encode: Callable[[list[dict[str, Any]]], bytes], options: ReadOptions
) -> None:
    rows = [{"Label": "p", "stars": "9", "text": "good film", "label_of": hash_text("good film")}]
    (tmp_path / name).write_bytes(encode(rows))
    with pytest.raises(FileRefusedError, match="label_sheet: its column 'label_of' is that"):
        list(read_review_file(tmp_path / name, options))


def test_a_sheet_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").touch()
    with pytest.raises(UsageError, match="may have labels"):
        require_new(tmp_path / "sheet.csv")


# How they are taken in


def drop_labels(home: Home, name: str, *rows: tuple[str, str], day: int = 0) -> Path:
    """Put a file with labels of texts into the inbox, last changed some days after the base time."""
    return write_labels(home.labels / name, rows, day)


def write_labels(path: Path, rows: Sequence[tuple[str, str]], day: int) -> Path:
    lines = ["label_of,label,drawn", *(f"{hash_text(text)},{label},random" for text, label in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), "utf-8")
    moment = (NOON + timedelta(days=day)).timestamp()
    os.utime(path, (moment, moment))
    return path


def list_labels(home: Home) -> list[tuple[Any, ...]]:
    return ask(home.warehouse, "select text_sha256, given_label, uri from review_labels order by all")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with three reviews without labels."""
    rows = [{"text": text} for text in ("fine", "dull", "so so")]
    copy_once("labelling", tmp_path / "home", lambda folder: make_home(folder, rows))
    return Home(tmp_path / "home")


@pytest.mark.slow
def test_labels_are_taken_in_once_and_readers_get_them(home: Home) -> None:
    drop_labels(home, "a.csv", ("fine", "positive"), ("dull", "negative"))
    assert list_waiting(home) == {hash_text("fine"), hash_text("dull")}
    assert (take_labels(home).sheets, take_labels(home).sheets) == (("labels/a.csv",), ())
    assert needs_publishing(home)
    publish(home)
    assert not needs_publishing(home)
    assert not list_waiting(home)


def test_the_later_label_of_a_text_counts_in_whatever_order_they_are_taken_in(home: Home) -> None:
    drop_labels(home, "a.csv", ("fine", "negative"), day=2)
    take_labels(home)
    drop_labels(home, "b.csv", ("fine", "positive"), day=1)
    take_labels(home)
    assert list_labels(home) == [(hash_text("fine"), "negative", "labels/a.csv")]
    drop_labels(home, "c.csv", ("fine", "positive"), day=3)
    take_labels(home)
    assert list_labels(home) == [(hash_text("fine"), "positive", "labels/c.csv")]


def test_a_file_that_was_corrected_is_taken_in_again_and_what_it_lacks_loses_its_label(home: Home) -> None:
    drop_labels(home, "a.csv", ("fine", "positive"), ("dull", "positive"))
    take_labels(home)
    drop_labels(home, "a.csv", ("fine", "negative"), ("dull", ""), day=1)
    assert take_labels(home).lost == 1
    assert list_labels(home) == [(hash_text("fine"), "negative", "labels/a.csv")]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["fine,positive,", "dull,maybe,"], 2),
        (["dull,positive,", "fine,positive,", "fine,positive,", "dull,negative,"], 4),
        (["fine,positive,6", "dull,positive,2"], 2),
    ],
    ids=["not a label", "both", "against its stars"],
)
def test_a_row_that_can_not_be_read_as_one_label_is_named_and_the_others_are_taken_in(
    home: Home, lines: list[str], wrong: int
) -> None:
    rows = [f"{hash_text(text)},{given}\n" for text, given in (line.split(",", 1) for line in lines)]
    drop(home, "labels/a.csv", "".join(["label_of,label,stars\n", *rows]))
    taken = take_labels(home)
    assert [text for text, *_ in list_labels(home)] == [hash_text("fine")]
    assert f"1 row of it can't be read as labels (row {wrong})" in taken.partly[0].reason


def test_a_session_may_correct_its_own_answer(home: Home) -> None:
    answers = [("positive", NOON), ("negative", NOON + timedelta(minutes=1))]
    lines = [
        {"label_of": hash_text("fine"), "label": label, "labelled_at": moment.isoformat()}
        for label, moment in answers
    ]
    drop(home, "labels/a.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    taken = take_labels(home)
    assert (taken.labels, taken.partly) == (1, ())


def test_a_label_that_one_file_gives_no_more_is_that_of_another_file_again(home: Home) -> None:
    drop_labels(home, "a.csv", ("fine", "positive"), day=1)
    drop_labels(home, "b.csv", ("fine", "negative"), ("dull", "negative"), day=2)
    take_labels(home)
    drop_labels(home, "b.csv", ("fine", ""), ("dull", "negative"), day=3)
    assert not take_labels(home).lost
    assert sorted(list_labels(home)) == sorted(
        [(hash_text("fine"), "positive", "labels/a.csv"), (hash_text("dull"), "negative", "labels/b.csv")]
    )
    assert take_labels(home).sheets == ()


@pytest.mark.parametrize(("header", "cells"), [("label,Label", ",negative"), ("stars,stars", "8,2")])
def test_a_sheet_with_two_columns_of_answers_is_refused_with_their_name(
    home: Home, header: str, cells: str
) -> None:
    drop(home, "labels/a.csv", f"label_of,{header}\n{hash_text('fine')},{cells}\n")
    taken = take_labels(home)
    assert (taken.labels, list_labels(home)) == (0, [])
    assert f"`{header.partition(',')[2]}` is the name of several" in taken.skipped[0].reason


def test_it_does_not_matter_in_which_encoding_a_spreadsheet_saves_the_texts(home: Home) -> None:
    content = f"label_of,text,label\n{hash_text('fine')},café,p\n"
    drop(home, "labels/a.csv", content.encode("cp1252"))
    assert take_labels(home).labels == 1
    assert list_labels(home) == [(hash_text("fine"), "positive", "labels/a.csv")]


@pytest.mark.slow
def test_a_label_of_a_text_that_comes_later_is_taken_in_then_and_until_then_said_once(home: Home) -> None:
    drop_labels(home, "a.csv", ("fine", "positive"), ("to come", "positive"), ("never", "positive"))
    take_labels(home)
    assert take_labels(home) == TakenLabels()
    later = write_part(home.parts / "later", [PartFile("later.csv", [{"text": "to come"}])])
    commit_parts(home.warehouse, later)
    taken = take_labels(home)
    assert {text for text, *_ in list_labels(home)} == {hash_text("fine"), hash_text("to come")}
    said = "2 labels of it taken in; 1 label of texts that this home does not have"
    assert [each.reason for each in taken.partly] == [said]
    assert take_labels(home) == TakenLabels()


def test_a_small_file_that_unpacks_to_more_than_the_limit_is_refused_with_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_files, "MOST_BYTES", 1 << 20)
    content = f"label_of,label,text\n{hash_text('fine')},p,{'good ' * 300_000}\n"
    drop(home, "labels/a.csv.gz", gzip.compress(content.encode()))
    taken = take_labels(home)
    assert (taken.labels, list_labels(home)) == (0, [])
    assert "unpacks to more than 1,048,576 bytes, the limit here" in taken.skipped[0].reason


@pytest.mark.parametrize("content", ["text,label\nfine,positive\n", "", "\x00\x01", "label_of,label\n1,p\n"])
def test_a_file_that_is_no_file_of_labels_stops_no_other(home: Home, content: str) -> None:
    drop(home, "labels/0.csv", content)
    drop_labels(home, "a.csv", ("fine", "positive"))
    taken = take_labels(home)
    assert taken.labels == 1
    assert [each.uri for each in taken.skipped] == ["labels/0.csv"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"label_of": st.sampled_from([hash_text("fine"), "x", None, 1])},
            optional={
                name: st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("positive")
                for name in ("label", "stars", "skipped", "drawn", "labelled_at")
            },
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_line_of_a_file_of_labels_stops_a_run(rows: list[dict[str, Any]]) -> None:
    path = Path(os.environ["TESTS_SHARED_FOLDER"]) / "labels.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    file = label_files.read_labels(
        FoundFile("labels/labels.jsonl", path, path.stat().st_size, path.stat().st_mtime_ns)
    )
    assert {label.text_sha256 for label in file.labels} <= {hash_text("fine")}
    assert all(label.labelled_at <= datetime.now(UTC) for label in file.labels)


def test_files_of_labels_are_no_files_of_reviews(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path = drop_labels(home, "a.csv", ("fine", "positive"))
    drop(home, "a.csv", "text\nfine\n")
    assert [file.uri for file in look_into(home.inbox).files] == ["a.csv"]
    assert [each.reason for each in look_at_named([path], home.inbox).skipped] == [HAS_LABELS]


# Those in a store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a store."""
    (tmp_path / "store" / "inbox").mkdir(parents=True)
    return tmp_path / "store"


def send_labels(store: Path, name: str, *rows: tuple[str, str], day: int = 0) -> str:
    """Put an object with labels into the inbox of a store; return its URI."""
    return f"file://{write_labels(store / 'inbox' / 'labels' / name, rows, day)}"


def take_all(home: Home, store: Path) -> TakenLabels:
    """Take in the labels of the home and the store as a run does."""
    found = inbox_objects.find_arrivals(home, f"file://{store}", (), None)
    return take_labels(home, f"file://{store}", found.labels)


def test_labels_in_a_store_are_fetched_once_and_taken_in_under_their_uri(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = send_labels(store, "ann/a.csv", ("fine", "positive"))
    assert take_all(home, store) == TakenLabels((uri,), 1)
    assert list_labels(home) == [(hash_text("fine"), "positive", uri)]
    assert not home.spool.exists()
    monkeypatch.delattr(inbox_objects, "fetch")
    assert take_all(home, store) == TakenLabels()


@pytest.mark.slow
def test_a_label_that_a_file_gives_no_more_is_that_of_an_object_again(home: Home, store: Path) -> None:
    uri = send_labels(store, "a.csv", ("fine", "positive"), day=1)
    drop_labels(home, "b.csv", ("fine", "negative"), day=2)
    take_all(home, store)
    drop_labels(home, "b.csv", ("fine", ""), day=3)
    take_all(home, store)
    assert list_labels(home) == [(hash_text("fine"), "positive", uri)]
    assert take_all(home, store).sheets == ()


def test_an_object_of_labels_that_is_too_large_is_named_and_not_fetched(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = send_labels(store, "a.csv", ("fine", "positive"))
    monkeypatch.setattr(inbox_objects, "MOST_LABEL_BYTES", 10)
    found = inbox_objects.find_arrivals(home, f"file://{store}", (), None)
    assert [each.uri for each in found.skipped] == [uri]
    assert found.labels == ()


def test_a_store_that_fails_leaves_the_labels_of_the_home_and_its_own_wait(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StoreUnreachableError("the store does not answer")

    drop_labels(home, "a.csv", ("fine", "positive"))
    uri = send_labels(store, "b.csv", ("dull", "positive"))
    with monkeypatch.context() as patch:
        patch.setattr(inbox_objects, "fetch", fail)
        taken = take_all(home, store)
    assert (taken.labels, str(taken.trouble)) == (1, "the store does not answer")
    assert not home.spool.exists()
    assert take_all(home, store) == TakenLabels((uri,), 1)


def test_objects_of_labels_that_the_disk_has_no_room_for_are_named_and_wait(
    home: Home, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    uri = send_labels(store, "a.csv", ("fine", "positive"))
    with monkeypatch.context() as patch:
        patch.setattr(inbox_objects, "fetch", fail)
        taken = take_all(home, store)
        held = list_stored_sheets(home, f"file://{store}", set())
    assert taken == TakenLabels(skipped=(SkippedFile(uri, "can't be copied: No space left on device"),))
    assert held == [uri]
    assert take_all(home, store) == TakenLabels((uri,), 1)


def test_of_the_objects_of_labels_those_that_may_hold_a_text_are_listed(home: Home, store: Path) -> None:
    sheets = [send_labels(store, f"{text}.csv", (text, "positive")) for text in ("fine", "dull")]
    (store / "inbox/labels/answers.jsonl").write_text(
        json.dumps({"label_of": hash_text("dull"), "label": "p"})
    )
    rows = {"label_of": hash_text("fine"), "text": "fine", "label": ""}
    (store / "inbox/labels/rows.jsonl").write_text(json.dumps(rows))
    send_labels(store, "unfinished.csv.part")
    take_all(home, store)
    held = list_stored_sheets(home, f"file://{store}", {hash_text("fine")})
    place = f"file://{store}/inbox/labels"
    assert held == [f"{place}/unfinished.csv.part", sheets[0], f"{place}/rows.jsonl"]
    assert not any(home.uploads.rglob("*.csv"))


def test_a_sheet_of_an_earlier_store_is_listed_after_a_label_was_corrected(home: Home, store: Path) -> None:
    uri = send_labels(store, "a.csv", ("fine", "positive"))
    take_all(home, store)
    drop_labels(home, "b.csv", ("dull", "negative"))
    take_labels(home)
    drop_labels(home, "b.csv", ("so so", "negative"), day=1)
    take_labels(home)
    assert list_sheets_of_others(home, f"file://{store}2") == list_sheets_of_others(home, None) == [uri]
    assert list_sheets_of_others(home, f"file://{store}") == []


def test_of_the_sheets_only_those_that_may_hold_a_text_are_listed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for name, digest in (("its", "gone"), ("other", "here")):
        drop(home, f"labels/{name}.csv", f"label,text,label_of\np,{digest},{hash_text(digest)}\n")
    drop(home, "labels/changed.csv", "label,text,label_of\np,gone,a spreadsheet's own\n")
    drop(home, "labels/unreadable.xlsx", b"PK")
    drop(home, "labels/.hidden.csv", "gone")
    drop(home, "labels/answers.jsonl", f'{{"label_of": "{hash_text("gone")}"}}')
    listed = [path.name for path in list_sheets(home, {hash_text("gone")})]
    assert listed == [".hidden.csv", "changed.csv", "its.csv", "unreadable.xlsx"]
