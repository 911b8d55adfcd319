"""Tests of which reviews with labels are learnt from, and of their split into training and test."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data_contracts.storage.home import Home
from tasks.training import own_rows
from tasks.training.own_rows import (
    FEWEST_LABELS,
    OwnRows,
    count_archive_labels,
    join_tests,
    mark_newest_weeks,
    mark_some_titles,
    read_own_rows,
)
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part


def make_rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """Return rows of as many movies, one a day, with a label."""
    return [
        {
            "text": f"text {number}",
            "text_sha256": hash_text(f"text {number}"),
            "review_id": f"r{number}",
            "movie_id": f"tt{number}",
            "reviewed_at": NOON - timedelta(days=number),
            "given_label": "positive" if number % 2 else "negative",
            **values,
        }
        for number in range(count)
    ]


def read(folder: Path, rows: list[dict[str, Any]], source: str = "shop") -> list[OwnRows]:
    """Commit rows as a file of a source and return what is learnt from."""
    home = Home(folder)
    part = write_part(folder / "parts" / "one", [PartFile("a.csv", rows, ledger={"source": source})])
    commit_parts(home.warehouse, part)
    return read_own_rows(home)


@pytest.fixture(autouse=True)
def archive(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sha256 of each text of the archive."""
    digests: list[str] = []
    monkeypatch.setattr(
        own_rows, "read_split", lambda *_: pa.table({"text_sha256": pa.array(digests, pa.string())})
    )
    return digests


def list_learnt(rows: OwnRows) -> list[str]:
    return sorted([*rows.train.texts, *rows.test.texts])


def test_the_newest_weeks_of_a_source_are_held_out_and_no_title_is_on_both_sides(tmp_path: Path) -> None:
    rows = make_rows(60)
    rows[50]["movie_id"] = "tt0"
    [shop] = read(tmp_path, rows)
    assert (shop.source, len(shop.test.texts) + len(shop.train.texts)) == ("shop", 59)
    assert 12 <= len(shop.test.texts) <= 30
    assert "text 0" in shop.test.texts
    assert "text 50" not in list_learnt(shop)
    assert (shop.left_out, shop.labels) == (1, 60)
    assert not {*shop.train.titles} & {*shop.test.titles}
    assert max(int(text.split()[1]) for text in shop.test.texts) < min(
        int(text.split()[1]) for text in shop.train.texts
    )


def test_where_all_titles_are_new_again_the_weeks_alone_decide(tmp_path: Path) -> None:
    [shop] = read(tmp_path, make_rows(60, movie_id="tt1"))
    assert shop.shares_titles
    assert len(shop.train.texts) + len(shop.test.texts) == 60


def test_what_came_in_one_week_is_split_by_title(tmp_path: Path) -> None:
    [shop] = read(tmp_path, make_rows(100, reviewed_at=None))
    assert 5 <= len(shop.test.texts) <= 40
    assert not {*shop.train.titles} & {*shop.test.titles}


def test_the_rows_of_one_title_and_one_week_are_split_by_text(tmp_path: Path) -> None:
    titles = ["tt1", "tt2", "tt3", "tt4", "tt5"]
    files = [PartFile(title, name_texts(title, 100), ledger={"source": title}) for title in titles]
    commit_parts(Home(tmp_path).warehouse, write_part(tmp_path / "parts" / "one", files))
    shops = read_own_rows(Home(tmp_path))
    assert sorted(shop.source for shop in shops) == titles
    for shop in shops:
        assert 5 <= len(shop.test.texts) <= 40
        assert len(shop.train.texts) + len(shop.test.texts) == 100


def test_sources_with_fewer_labels_are_read_on_demand(tmp_path: Path) -> None:
    assert read(tmp_path, make_rows(19)) == []
    [shop] = read_own_rows(Home(tmp_path), fewest=1)
    assert shop.labels == 19


def test_a_contest_reads_no_reviews_without_a_label(tmp_path: Path) -> None:
    rows = make_rows(60)
    rows[7]["given_label"] = rows[7]["given_rating"] = None
    [shop] = read(tmp_path, rows)
    [judged] = read_own_rows(Home(tmp_path), with_others=False)
    assert (len(shop.others), judged.others) == (1, ())
    assert judged.test.texts == shop.test.texts


def name_texts(title: str, count: int) -> list[dict[str, Any]]:
    """Return rows without dates of one title, whose texts no other title has."""
    rows = make_rows(count, reviewed_at=None, movie_id=title)
    for row in rows:
        row["text"] += f" of {title}"
        row.update(text_sha256=hash_text(row["text"]), review_id=f"{title} {row['review_id']}")
    return rows


def test_a_rating_gives_a_label_and_one_in_the_middle_none(tmp_path: Path) -> None:
    ratings = [9.0, 2.0, 5.5]
    rows = [
        {**row, "given_label": None, "given_rating": ratings[number % 3]}
        for number, row in enumerate(make_rows(60))
    ]
    [shop] = read(tmp_path, rows)
    assert len(list_learnt(shop)) == 40
    positive = dict(zip(shop.train.texts, shop.train.positive.tolist(), strict=True))
    assert {int(text.split()[1]) % 3 for text, is_positive in positive.items() if is_positive} == {0}


def test_labels_of_texts_of_the_archive_are_counted_by_source(tmp_path: Path, archive: list[str]) -> None:
    archive += [hash_text("text 7"), hash_text("text 9"), hash_text("another")]
    read(tmp_path, make_rows(60))
    assert count_archive_labels(Home(tmp_path)) == {"shop": 2}
    with open_warehouse(Home(tmp_path).warehouse, write=True) as connection:
        connection.execute("UPDATE source_reviews SET in_english = false WHERE text = 'text 9'")
    assert count_archive_labels(Home(tmp_path)) == {"shop": 1}


def test_a_text_of_the_archive_is_not_learnt_again(tmp_path: Path, archive: list[str]) -> None:
    archive.append(hash_text("text 7"))
    [shop] = read(tmp_path, make_rows(60))
    assert "text 7" not in list_learnt(shop)


def test_of_many_labels_the_newest_are_learnt_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_rows, "MOST_LABELS", 30)
    [shop] = read(tmp_path, make_rows(60))
    assert list_learnt(shop) == sorted(f"text {number}" for number in range(30))


def test_each_text_counts_once(tmp_path: Path) -> None:
    rows = make_rows(60)
    rows[59].update(text="text 3", text_sha256=hash_text("text 3"))
    [shop] = read(tmp_path, rows)
    assert list_learnt(shop).count("text 3") == 1


def label(folder: Path, texts: Iterable[str], *, is_random: bool) -> None:
    """Label texts by hand, all as positive."""
    with open_warehouse(Home(folder).warehouse, write=True) as connection:
        for text in texts:
            values = [hash_text(text), "positive", None, is_random, NOON, "labels/a.csv"]
            connection.execute("INSERT INTO review_labels VALUES (?, ?, ?, ?, ?, ?)", values)


def test_labels_by_people_are_learnt_from_in_the_source_of_the_review(tmp_path: Path) -> None:
    rows = make_rows(60, given_label=None)
    assert read(tmp_path, [*rows, {**rows[3], "review_id": "again"}]) == []
    label(tmp_path, [row["text"] for row in rows], is_random=True)
    [shop] = read_own_rows(Home(tmp_path))
    assert list_learnt(shop) == sorted(row["text"] for row in rows)
    assert shop.train.positive.all()
    assert len(shop.test.texts) >= 12


def test_what_a_source_said_of_a_review_is_learnt_before_what_somebody_said_later(tmp_path: Path) -> None:
    read(tmp_path, make_rows(60))
    label(tmp_path, [f"text {number}" for number in range(60)], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert len(shop.test.texts) >= 12
    assert shop.train.positive.sum() <= 30


def test_reviews_chosen_since_the_champion_is_uncertain_of_them_are_learnt_from_but_never_held_out(
    tmp_path: Path,
) -> None:
    rows = [*make_rows(30), *make_rows(30, given_label=None)]
    for number, row in enumerate(rows[30:]):
        row.update(text=f"hard {number}", text_sha256=hash_text(f"hard {number}"), review_id=f"h{number}")
        row.update(movie_id=f"tt-hard {number}")
    read(tmp_path, rows)
    label(tmp_path, [row["text"] for row in rows[30:]], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert {text.split()[0] for text in shop.test.texts} == {"text"}
    assert len([text for text in shop.train.texts if text.startswith("hard")]) == 30


@pytest.mark.slow
def test_of_reviews_labelled_by_people_those_drawn_at_random_are_held_out(tmp_path: Path) -> None:
    read(tmp_path, make_rows(120, given_label=None))
    label(tmp_path, [f"text {number}" for number in range(120) if number % 4 == 1], is_random=True)
    label(tmp_path, [f"text {number}" for number in range(120) if number % 4 != 1], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert sorted(shop.test.texts) == sorted(f"text {number}" for number in range(1, 120, 4))
    assert len(shop.train.texts) == 90


def test_where_all_labels_are_of_chosen_reviews_none_is_held_out(tmp_path: Path) -> None:
    read(tmp_path, make_rows(30, given_label=None))
    label(tmp_path, [f"text {number}" for number in range(30)], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert (len(shop.train.texts), len(shop.test.texts)) == (30, 0)
    assert join_tests([shop]) is None


def test_the_others_are_its_texts_without_a_label_each_once(tmp_path: Path, archive: list[str]) -> None:
    rows = make_rows(60)
    for row in rows[40:]:
        row["given_label"] = None
    rows[58] |= {name: rows[59][name] for name in ("text", "text_sha256")}
    rows[57] |= {name: rows[0][name] for name in ("text", "text_sha256")}
    archive.append(rows[56]["text_sha256"])
    label(tmp_path, ["text 55"], is_random=True)
    [shop] = read(tmp_path, rows)
    assert sorted(shop.others) == sorted(f"text {number}" for number in (*range(40, 55), 59))


@pytest.mark.slow
def test_the_others_are_of_the_same_source_and_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_rows, "MOST_OTHERS", 5)
    elsewhere = [{**row, "given_label": None, "review_id": None} for row in make_rows(10)]
    part = write_part(tmp_path / "parts" / "two", [PartFile("b.csv", elsewhere, ledger={"source": "other"})])
    commit_parts(Home(tmp_path).warehouse, part)
    rows = make_rows(60)
    for row in rows[40:]:
        row["given_label"] = None
    [shop] = read(tmp_path, rows)
    assert len(shop.others) == 5
    assert {*shop.others} <= {row["text"] for row in rows[40:]}


@pytest.mark.parametrize("count", [0, FEWEST_LABELS - 1])
def test_a_source_with_few_labels_is_left_out(tmp_path: Path, count: int) -> None:
    assert read(tmp_path, [*make_rows(count), *make_rows(1, given_label=None, text="no label")]) == []
    assert join_tests([]) is None


def test_held_out_texts_of_all_sources_are_judged_together(tmp_path: Path) -> None:
    [shop] = read(tmp_path, make_rows(60))
    joined = join_tests([shop, shop])
    assert joined is not None
    assert joined.sources == ["shop"] * 2 * len(shop.test.texts)
    assert joined.titles[0] == f"shop {shop.test.titles[0]}"


def test_as_few_weeks_are_held_out_as_have_a_fifth() -> None:
    marked = mark_newest_weeks(np.array([9, 9, 8, 8, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]))
    assert marked is not None
    assert marked.sum() == 4
    assert mark_newest_weeks(np.array([3, 3, 3])) is None


def test_a_title_that_is_held_out_stays_so_whatever_comes() -> None:
    titles = [f"tt{number}" for number in range(500)]
    marked = mark_some_titles(titles)
    assert 0.15 < marked.mean() < 0.25
    assert mark_some_titles(titles[250:]).tolist() == marked[250:].tolist()
