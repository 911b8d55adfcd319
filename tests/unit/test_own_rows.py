"""Tests of which reviews with labels are learnt from, and of their split into training and test."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.sources.near_copies import make_near_keys
from data_contracts.storage.home import Home
from tasks.training import own_rows
from tasks.training.labels_of_files import ALWAYS_LEARNT, FileLabels, judge_files
from tasks.training.own_rows import (
    FEWEST_LABELS,
    OwnRows,
    count_archive_labels,
    mark_some_titles,
    read_own_rows,
)
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import rebuild
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part


def name_text(number: int, kind: str = "text") -> str:
    """Return a text that is a near-copy of no other one."""
    return f"{kind} {number} {''.join(chr(ord(digit) + 49) for digit in str(number))}"


def make_rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """Return rows of as many movies, one a day, with a label."""
    return [
        {
            "text": name_text(number),
            "text_sha256": hash_text(name_text(number)),
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
    assert name_text(0) in shop.test.texts
    assert name_text(50) not in list_learnt(shop)
    assert (shop.left_out, shop.labels) == (1, 60)
    assert not {*shop.train.titles} & {*shop.test.titles}
    assert max(int(text.split()[1]) for text in shop.test.texts) < min(
        int(text.split()[1]) for text in shop.train.texts
    )


def test_what_came_in_one_week_is_split_by_title(tmp_path: Path) -> None:
    [shop] = read(tmp_path, make_rows(100, reviewed_at=None))
    assert 5 <= len(shop.test.texts) <= 40
    assert not {*shop.train.titles} & {*shop.test.titles}


def test_the_rows_of_one_title_and_one_week_are_split_by_text(tmp_path: Path) -> None:
    titles = ["tt1", "tt2", "tt3", "tt4", "tt5"]
    files = []
    for title in titles:
        rows = make_rows(100, reviewed_at=None, movie_id=title)
        for row in rows:
            row["text"] += f" of {title}"
            row.update(text_sha256=hash_text(row["text"]), review_id=f"{title} {row['review_id']}")
        files.append(PartFile(title, rows, ledger={"source": title}))
    commit_parts(Home(tmp_path).warehouse, write_part(tmp_path / "parts" / "one", files))
    shops = read_own_rows(Home(tmp_path))
    assert sorted(shop.source for shop in shops) == titles
    for shop in shops:
        assert 5 <= len(shop.test.texts) <= 40
        assert len(shop.train.texts) + len(shop.test.texts) == 100


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
    archive += [hash_text(name_text(7)), hash_text(name_text(9)), hash_text("another")]
    read(tmp_path, make_rows(60))
    assert count_archive_labels(Home(tmp_path)) == {"shop": 2}
    with open_warehouse(Home(tmp_path).warehouse, write=True) as connection:
        connection.execute("UPDATE source_reviews SET in_english = false WHERE text = ?", [name_text(9)])
    assert count_archive_labels(Home(tmp_path)) == {"shop": 1}


def test_a_text_of_the_archive_is_not_learnt_again(tmp_path: Path, archive: list[str]) -> None:
    archive.append(hash_text(name_text(7)))
    [shop] = read(tmp_path, make_rows(60))
    assert name_text(7) not in list_learnt(shop)


def test_of_many_labels_the_newest_are_learnt_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_rows, "MOST_LABELS", 30)
    [shop] = read(tmp_path, make_rows(60))
    assert list_learnt(shop) == sorted(name_text(number) for number in range(30))


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
    label(tmp_path, [name_text(number) for number in range(60)], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert len(shop.test.texts) >= 12
    assert shop.train.positive.sum() <= 30


def test_reviews_chosen_since_the_champion_is_uncertain_of_them_are_learnt_from_but_never_held_out(
    tmp_path: Path,
) -> None:
    rows = [*make_rows(30), *make_rows(30, given_label=None)]
    for number, row in enumerate(rows[30:]):
        row.update(
            text=name_text(number, "hard"),
            text_sha256=hash_text(name_text(number, "hard")),
            review_id=f"h{number}",
        )
        row.update(movie_id=f"tt-hard {number}")
    read(tmp_path, rows)
    label(tmp_path, [row["text"] for row in rows[30:]], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert {text.split()[0] for text in shop.test.texts} == {"text"}
    assert len([text for text in shop.train.texts if text.startswith("hard")]) == 30


@pytest.mark.slow
def test_of_reviews_labelled_by_people_those_drawn_at_random_are_held_out(tmp_path: Path) -> None:
    read(tmp_path, make_rows(120, given_label=None))
    label(tmp_path, [name_text(number) for number in range(120) if number % 4 == 1], is_random=True)
    label(tmp_path, [name_text(number) for number in range(120) if number % 4 != 1], is_random=False)
    [shop] = read_own_rows(Home(tmp_path))
    assert sorted(shop.test.texts) == sorted(name_text(number) for number in range(1, 120, 4))
    assert len(shop.train.texts) == 90


def test_the_others_are_its_texts_without_a_label_each_once(tmp_path: Path, archive: list[str]) -> None:
    rows = make_rows(60)
    for row in rows[40:]:
        row["given_label"] = None
    rows[58] |= {name: rows[59][name] for name in ("text", "text_sha256")}
    rows[57] |= {name: rows[0][name] for name in ("text", "text_sha256")}
    archive.append(rows[56]["text_sha256"])
    label(tmp_path, [name_text(55)], is_random=True)
    [shop] = read(tmp_path, rows)
    assert sorted(shop.others) == sorted(name_text(number) for number in (*range(40, 55), 59))


@pytest.mark.parametrize("count", [0, FEWEST_LABELS - 1])
def test_a_source_with_few_labels_is_left_out(tmp_path: Path, count: int) -> None:
    rows = make_rows(count + 1)
    rows[-1]["given_label"] = None
    assert read(tmp_path, rows) == []
    assert sum(shop.labels for shop in read_own_rows(Home(tmp_path), fewest=1)) == count


def test_a_title_that_is_held_out_stays_so_whatever_comes() -> None:
    titles = [f"tt{number}" for number in range(500)]
    marked = mark_some_titles(titles)
    assert 0.15 < marked.mean() < 0.25
    assert mark_some_titles(titles[250:]).tolist() == marked[250:].tolist()


TEXT = (
    "I bought this speaker last month and it works great with my phone, the sound is clear and setup was easy"
)


def send(folder: Path, name: str, rows: list[dict[str, Any]], **ledger: Any) -> None:
    """Commit rows as a file of the source shop, with the keys of their texts."""
    keys = make_near_keys(pa.array([row["text"] for row in rows])).to_pylist()
    keyed = [
        {**row, "review_id": f"{name} {number}", "text_sha256": hash_text(row["text"]), "near_key": key}
        for number, (row, key) in enumerate(zip(rows, keys, strict=True))
    ]
    home = Home(folder)
    part = write_part(home.parts / name, [PartFile(name, keyed, ledger={"source": "shop", **ledger})])
    commit_parts(home.warehouse, part)
    with open_warehouse(home.warehouse, write=True) as connection:
        if not connection.execute("FROM promotions").fetchall():
            connection.execute(
                "INSERT INTO promotions SELECT 1, 'promote', 'model-a', 'first', NULL, now(), NULL, NULL"
            )
            rebuild(connection)


def agree(rows: list[dict[str, Any]], *, turned: bool = False) -> list[dict[str, Any]]:
    """Return rows with the scores of their labels, or of the opposite ones."""
    return [{**row, "score": 0.9 if (row["given_label"] == "positive") != turned else 0.1} for row in rows]


def rename(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return rows with other texts."""
    return [{**row, "text": name_text(number, kind)} for number, row in enumerate(rows)]


def test_near_copies_count_once_and_by_the_label_of_the_first_that_came(tmp_path: Path) -> None:
    rows = make_rows(60)
    rows[7]["text"] = TEXT
    send(tmp_path, "first.csv", rows)
    copies = [{"text": f"{TEXT} {number}", "given_label": "negative"} for number in range(500)]
    words = TEXT.split()
    swapped = [
        {
            "text": " ".join([*words[:place], f"{'wxyz'[place % 4]}", *words[place + 1 :]]),
            "given_label": "negative",
        }
        for place in range(len(words))
    ]
    send(tmp_path, "copies.csv", [*copies, *swapped])
    [shop] = read_own_rows(Home(tmp_path))
    assert {*list_learnt(shop)} >= {row["text"] for row in rows}
    assert shop.labels <= 61  # of 521 copies
    positive = dict(
        zip([*shop.train.texts, *shop.test.texts], [*shop.train.positive, *shop.test.positive], strict=True)
    )
    assert positive[TEXT]


def test_a_file_whose_labels_turn_what_earlier_ones_said_is_not_learnt_from_and_named(tmp_path: Path) -> None:
    rows = make_rows(60)
    send(tmp_path, "first.csv", agree(rows))
    send(tmp_path, "turned.csv", agree(rename(make_rows(100), "turned"), turned=True))
    send(tmp_path, "later.csv", agree(rename(make_rows(50), "later")))
    [shop] = read_own_rows(Home(tmp_path))
    assert {text.split()[0] for text in list_learnt(shop)} == {"text", "later"}
    assert [(file.uri, file.contrary, file.is_turned) for file in shop.files] == [("turned.csv", 100, True)]


def judge(*files: tuple[int, int]) -> list[FileLabels]:
    """Judge files of so many labels, some of them contrary to the scores."""
    return judge_files(FileLabels("shop", str(place), str(place), *file) for place, file in enumerate(files))


def test_turned_labels_in_small_files_are_judged_together() -> None:
    assert [file.is_turned for file in judge((60, 6), *[(8, 8)] * 6, (30, 3))] == [False, *[True] * 6, False]


def test_labels_that_contradict_the_model_turn_nothing_where_earlier_ones_did_so_too() -> None:
    assert [file.most for file in judge((100, 95), (100, 95))] == [100, 100]


def test_a_file_gives_no_more_labels_than_all_before_it_but_some_in_any_case() -> None:
    assert [file.most for file in judge((5, 0), (2000, 0), (9000, 0))] == [5, 2000, 2005]
    assert [file.most for file in judge((50, 0), (9000, 0), (9000, 0))] == [
        50,
        ALWAYS_LEARNT,
        50 + ALWAYS_LEARNT,
    ]


def test_a_review_that_comes_again_keeps_its_label_from_the_first_file(tmp_path: Path) -> None:
    rows = agree(make_rows(300))
    send(tmp_path, "export.csv", rows[:60])
    again = [{**row, "review_id": f"export.csv {number}"} for number, row in enumerate(rows)]
    part = write_part(
        tmp_path / "parts" / "again", [PartFile("export-2.csv", again, ledger={"source": "shop"})]
    )
    commit_parts(Home(tmp_path).warehouse, part)
    [shop] = read_own_rows(Home(tmp_path))
    [bounded] = shop.files
    assert (bounded.uri, bounded.labels, shop.labels) == ("export-2.csv", 240, 260)
