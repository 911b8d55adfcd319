"""Tests that the columns on which `latest_scores` rests equal their definition after every change of the database."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.errors import WarehouseError
from data_contracts.parts import SOURCE_SCHEMA
from data_contracts.scored_reviews import SCORED_SCHEMA
from data_contracts.warehouse import list_migrations, read_views
from models.evaluation.gate import Decision
from tasks.maintenance import quarantine
from tasks.maintenance.forgetting import ForgetRequest, find_forgettable, forget
from tasks.maintenance.verification import PROMISES
from tasks.warehouse import latest_scores
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.connection import begin_transaction, bring_up_to_date, open_warehouse
from tasks.warehouse.latest_scores import FIND_OUTDATED, FIND_WRONG_FLIPS, rebuild
from tasks.warehouse.promotion import DecisionRecord, record_decision, roll_back
from tasks.warehouse.readings.counting import let_count
from tests.support.warehouse_parts import NOON, PartFile, write_part

MODELS = ("model-a", "model-b", "model-c")
ROWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from([None, "r1", "r2", "r3"]),
        "movie_id": st.sampled_from([None, "tt1", "tt2"]),
        "text": st.sampled_from(["good", "bad"]),
        "reviewed_at": st.sampled_from([None, NOON, NOON - timedelta(days=1), NOON + timedelta(days=9999)]),
        "score": st.sampled_from([0.1, 0.6, 0.9]),
    }
)
FORGOTTEN = {"review_id": None, "movie_id": None, "text": "good", "reviewed_at": None, "score": 0.1}
"""A row in quarantine that has the number of one that is forgotten."""
CHANGES = st.one_of(
    st.tuples(st.just("add"), st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=3)),
    st.tuples(st.just("export"), st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=3)),
    st.tuples(st.just("bring back"), st.integers(0, 9)),
    st.tuples(st.just("rescore"), st.tuples(st.integers(0, 9), st.sampled_from(MODELS))),
    st.tuples(st.just("promote"), st.sampled_from(MODELS)),
    st.tuples(st.just("roll back"), st.none()),
    st.tuples(st.just("forget"), st.integers(0, 9)),
    st.tuples(st.just("release"), st.tuples(st.integers(0, 9), ROWS)),
    st.tuples(st.just("read again"), st.tuples(st.integers(0, 9), st.lists(ROWS, max_size=4))),
    st.tuples(st.just("count again"), st.integers(0, 9)),
)


class History:
    """A database of a few files, each with one row in quarantine, and the changes that commands make to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "reviews.duckdb"
        self.numbers = iter(range(1_000_000))  # can be copied, unlike count()
        self.files: list[tuple[PartFile, list[str]]] = []
        """Each file with the models that scored it."""
        self.firsts: dict[str, tuple[PartFile, list[str]]] = {}
        """The first reading of each file that was read again, by its name."""
        self.replaced: list[tuple[PartFile, list[str]]] = []
        """The files of which a full export took the place."""
        self.released: set[str] = set()
        self.champion: str | None = None
        self.promote("model-a")

    def copy(self, folder: Path) -> "History":
        """Return a history that goes on from this one, with a database in another folder."""
        copied = deepcopy(self)
        copied.folder, copied.warehouse = folder, folder / self.warehouse.name
        shutil.copyfile(self.warehouse, copied.warehouse)
        return copied

    def add(self, contents: list[list[dict[str, Any]]]) -> None:
        """Commit new files in one part."""
        files = [PartFile(f"{next(self.numbers)}.csv", rows, [len(rows) + 1]) for rows in contents]
        commit_parts(self.warehouse, write_part(self._name_part(), files, self.champion or ""))
        self.files += [(file, [self.champion or ""]) for file in files]

    def export(self, contents: list[list[dict[str, Any]]]) -> None:
        """Commit full exports in one part, of which the last takes the place of all files."""
        ledger = {"replaces_from_share": 0.0}
        names = [f"{next(self.numbers)}.csv" for _ in contents]
        files = [
            PartFile(name, rows, [len(rows) + 1], ledger=ledger)
            for name, rows in zip(names, contents, strict=True)
        ]
        commit_parts(self.warehouse, write_part(self._name_part(), files, self.champion or ""))
        scored = [(file, [self.champion or ""]) for file in sorted(files, key=lambda file: file.name)]
        self.replaced += [*self.files, *scored[:-1]]
        self.files = scored[-1:]

    def bring_back(self, choice: int) -> None:
        """Let a replaced file count again, as a rescan does where files add to each other again."""
        if self.replaced:
            file, models = self.replaced.pop(choice % len(self.replaced))
            self._let_count(file)
            self.files.append((file, models))

    def rescore(self, choice: tuple[int, str]) -> None:
        """Commit another model's scores of the rows of a file that are stored."""
        place, model_id = choice
        if not self.files:
            return
        file, models = self.files[place % len(self.files)]
        if model_id in models or file.source_sha256 in self.released:
            return
        again = replace(file, rows=[{**row, "score": 1 - row["score"]} for row in file.rows])
        commit_parts(self.warehouse, write_part(self._name_part(), [again], model_id))
        models.append(model_id)

    def promote(self, model_id: str) -> None:
        """Make a model the champion."""
        with open_warehouse(self.warehouse, write=True) as connection:
            connection.execute(
                "INSERT INTO models (model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, "
                "bundle_fingerprint, trained_at) VALUES (?, 'lstm', 0, 'sample', 'd', 'c', 'b', now()) "
                "ON CONFLICT DO NOTHING",
                [model_id],
            )
        decision = Decision(True, "better", ())
        record_decision(self.warehouse, DecisionRecord(decision, model_id, self.champion, "always"))
        self.champion = model_id

    def roll_back(self, _: None) -> None:
        """Go back to the champion before, if there is one."""
        try:
            self.champion = roll_back(self.warehouse, "worse").model_id
        except WarehouseError:
            assert self.champion is not None

    def forget(self, choice: int) -> None:
        """Forget the first row of a file, if it is not forgotten yet."""
        if self.files:
            name = f"{self.files[choice % len(self.files)][0].source_sha256[:12]}:1"
            forget(self.warehouse, ForgetRequest(name, "row", "ann"), "row")

    def release(self, choice: tuple[int, dict[str, Any]]) -> None:
        """Release the quarantined row of a file with these values, scored by each model that scored the file."""
        if not self.files:
            return
        file, models = self.files[choice[0] % len(self.files)]
        key = {"source_sha256": file.source_sha256, "row_number": len(file.rows) + 1}
        if not self._is_open(key):
            return
        values = {**dict.fromkeys(SOURCE_SCHEMA.names), **choice[1], **key}
        good = pa.Table.from_pylist(
            [values], schema=SOURCE_SCHEMA.remove(SOURCE_SCHEMA.names.index("text_sha256"))
        )
        good = good.append_column("encoding", pa.nulls(1, pa.string()))
        scored = [pa.Table.from_pylist([_score(key, model_id)], schema=SCORED_SCHEMA) for model_id in models]
        quarantine._commit_release(self.warehouse, good, scored, "ann")
        self.released.add(file.source_sha256)

    def _is_open(self, key: dict[str, Any]) -> bool:
        """Return whether a row is in quarantine: it was not released, nor forgotten with others of its number."""
        query = (
            "SELECT count(*) FROM quarantined_rows WHERE source_sha256 = $source_sha256 "
            "AND row_number = $row_number AND released_at IS NULL"
        )
        with open_warehouse(self.warehouse, write=False) as connection:
            return connection.execute(query, key).fetchall() == [(1,)]

    def read_again(self, choice: tuple[int, list[dict[str, Any]]]) -> None:
        """Commit a later reading of a file, with these rows and one in quarantine."""
        if not self.files:
            return
        place = choice[0] % len(self.files)
        before = self.files[place]
        version = f"v{next(self.numbers)}"
        file = PartFile(before[0].name, choice[1], [len(choice[1]) + 1], version=version)
        part = write_part(self._name_part(), [file], self.champion or "")
        if commit_parts(self.warehouse, part).files_scored:
            self.firsts.setdefault(file.name, before)
            self.files[place] = (file, [self.champion or ""])

    def count_again(self, choice: int) -> None:
        """Let the first reading of a file count again."""
        if not self.files:
            return
        place = choice % len(self.files)
        self.files[place] = self.firsts.get(self.files[place][0].name, self.files[place])
        self._let_count(self.files[place][0])

    def _let_count(self, file: PartFile) -> None:
        with open_warehouse(self.warehouse, write=True) as connection, begin_transaction(connection):
            connection.execute("CREATE TEMP TABLE chosen AS SELECT ? AS source_sha256", [file.source_sha256])
            let_count(connection, "chosen")

    def _name_part(self) -> Path:
        return self.folder / f"part-{next(self.numbers)}"


def _score(key: dict[str, Any], model_id: str) -> dict[str, Any]:
    """Return the score of a released row, on which the models do not agree."""
    score, sentiment = (0.3, "negative") if model_id == "model-a" else (0.8, "positive")
    figures = {"score": score, "predicted_rating": 3.7, "token_count": 4, "oov_rate": 0.25}
    return {
        **key,
        **figures,
        "model_id": model_id,
        "sentiment": sentiment,
        "truncated": False,
        "scored_at": NOON,
    }


def find_outdated(warehouse: Path) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        return connection.execute(FIND_OUTDATED).fetchall()


def find_broken(warehouse: Path) -> list[str]:
    """Return the promises on the rows of the tables that do not hold. Models score here without a promotion."""
    with open_warehouse(warehouse, write=False) as connection:
        return [
            promise
            for promise, query in PROMISES.items()
            if "promoted" not in promise and connection.execute(query).fetchall()
        ]


@pytest.mark.slow
@settings(max_examples=10)
@given(changes=st.lists(CHANGES, min_size=1, max_size=12))
@example(changes=[("read again", (0, [])), ("forget", 0), ("release", (0, FORGOTTEN))])
def test_after_any_history_every_promise_on_the_tables_holds(changes: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        history = History(Path(folder))
        history.add(
            [[{"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": None, "score": 0.9}]]
        )
        make: dict[str, Callable[[Any], None]] = {
            "add": history.add,
            "export": history.export,
            "bring back": history.bring_back,
            "rescore": history.rescore,
            "promote": history.promote,
            "roll back": history.roll_back,
            "forget": history.forget,
            "release": history.release,
            "read again": history.read_again,
            "count again": history.count_again,
        }
        for change, values in changes:
            make[change](values)
        assert find_broken(history.warehouse) == []


def make_history(folder: Path) -> History:
    """Two files with the same review, both scored by two models, of which the second is the champion."""
    made = History(folder)
    row = {"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": None, "score": 0.9}
    made.add([[row, {**row, "review_id": "r2"}]])
    made.add([[row]])
    made.promote("model-b")
    for place in (0, 1):
        made.rescore((place, "model-b"))
    return made


@pytest.fixture(scope="module")
def made_history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"))


@pytest.fixture
def history(made_history: History, tmp_path: Path) -> History:
    """A copy of the history, whose database a test may change."""
    return made_history.copy(tmp_path)


def list_latest(warehouse: Path) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        query = "SELECT review_id, uri, model_id FROM latest_scores ORDER BY ALL"
        return connection.execute(query).fetchall()


def test_a_rescored_row_has_the_score_of_the_model_promoted_last(history: History) -> None:
    assert {model_id for _, _, model_id in list_latest(history.warehouse)} == {"model-b"}


def test_after_its_newest_row_was_forgotten_the_one_before_counts(history: History) -> None:
    first, second = (file.name for file, _ in history.files)
    assert list_latest(history.warehouse) == [("r1", second, "model-b"), ("r2", first, "model-b")]
    history.forget(1)
    assert list_latest(history.warehouse) == [("r1", first, "model-b"), ("r2", first, "model-b")]


def test_rows_whose_scores_are_too_many_to_replace_in_place_are_written_anew(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_scores, "ROWS_UPDATED", 2)
    history.roll_back(None)
    assert find_outdated(history.warehouse) == []


def list_flipped(warehouse: Path) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        assert connection.execute(FIND_WRONG_FLIPS).fetchall() == []
        query = "SELECT row_number, model_id, score FROM flipped_scores ORDER BY source_sha256, row_number"
        return connection.execute(query).fetchall()


def test_flipped_scores_are_those_of_another_sentiment_than_the_score_that_counts(history: History) -> None:
    flipped = list_flipped(history.warehouse)
    assert sorted(flipped) == [(1, "model-a", 0.9), (1, "model-a", 0.9), (2, "model-a", 0.9)]


def test_after_a_rollback_the_scores_of_the_model_before_are_flipped(history: History) -> None:
    history.roll_back(None)
    assert {model_id for _, model_id, _ in list_flipped(history.warehouse)} == {"model-b"}


def test_a_flipped_score_goes_with_its_forgotten_row(history: History) -> None:
    history.forget(0)
    assert len(list_flipped(history.warehouse)) == 2


def test_a_column_that_differs_from_its_definition_is_found(history: History) -> None:
    for change in (
        "is_latest = NOT is_latest WHERE row_number = 1",
        "best_score = best_score / 2",
        "best_model_id = 'model-a' WHERE is_latest",
        "file_uri = 'another.csv'",
        "review_key = review_key + 1",
    ):
        with open_warehouse(history.warehouse, write=True) as connection:
            connection.begin()
            connection.execute(f"UPDATE source_reviews SET {change}")
            assert connection.execute(FIND_OUTDATED).fetchall(), change
            connection.rollback()


def test_writing_the_table_anew_mends_every_column(history: History) -> None:
    with open_warehouse(history.warehouse, write=True) as connection:
        connection.execute(
            "UPDATE source_reviews SET is_latest = NULL, best_score = NULL, file_seen_at = NULL"
        )
        rebuild(connection)
    assert find_outdated(history.warehouse) == []


OLDER_ROWS = """
INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now()), (2, 'promote', 'model-b', '', NULL, now());
INSERT INTO scored_files (source_sha256, model_id, status, uri, committed_at) VALUES
('one', 'model-a', 'scored', 'monday.csv', '2026-03-01'), ('one', 'model-b', 'scored', 'monday.csv', '2026-03-03'),
('two', 'model-a', 'scored', 'tuesday.csv', '2026-03-02');
INSERT INTO source_reviews (source_sha256, row_number, review_id, text, text_sha256, reviewed_at) VALUES
('one', 1, 'r1', 'good', 'g', NULL), ('one', 2, 'r2', 'bad', 'b', NULL),
('two', 1, 'r1', 'better', 'h', '2020-01-01'), ('two', 2, NULL, 'x', 'x', NULL);
INSERT INTO scored_reviews
SELECT source_sha256, row_number, model_id, 0.75, 'positive', 7.5, 4, 0, false, 'run', now()
FROM source_reviews JOIN scored_files USING (source_sha256);
UPDATE scored_reviews SET score = 0.25, sentiment = 'negative' WHERE row_number = 2 AND model_id = 'model-a'
"""
"""Rows of a database of version 4, the last one without the columns on which `latest_scores` rests.

Up to version 6 the first row of r1, which has no date, was newer than the second one.
"""


def test_an_older_database_gets_the_columns_with_their_values() -> None:
    with duckdb.connect() as connection:
        bring_up_to_date(connection, list_migrations()[:4], "SELECT 1")
        connection.execute(OLDER_ROWS)
        bring_up_to_date(connection, list_migrations(), read_views())
        assert connection.execute(FIND_OUTDATED).fetchall() == []
        flipped = connection.execute("SELECT row_number, model_id FROM flipped_scores").fetchall()
        latest = connection.execute(
            "SELECT text, uri, model_id, source FROM latest_scores ORDER BY text"
        ).fetchall()
        [(sql,)] = connection.execute(
            "SELECT sql FROM duckdb_tables() WHERE table_name = 'source_reviews'"
        ).fetchall()
    assert latest == [
        ("bad", "monday.csv", "model-b", "default"),
        ("better", "tuesday.csv", "model-a", "default"),
        ("x", "tuesday.csv", "model-a", "default"),
    ]
    assert flipped == [(2, "model-a")]
    assert "USING COMPRESSION ZSTD" in sql


def test_a_row_of_the_reading_that_counts_is_the_newest_whatever_its_date(history: History) -> None:
    first, _ = history.files[0]
    longest_ago = {"text": "as read again", "reviewed_at": NOON - timedelta(days=9999)}
    history.read_again((0, [first.rows[0], {**first.rows[1], **longest_ago}]))
    with open_warehouse(history.warehouse, write=False) as connection:
        found = connection.execute("SELECT text FROM latest_scores WHERE review_id = 'r2'").fetchall()
    assert found == [("as read again",)]


def test_an_earlier_file_that_is_read_again_does_not_become_the_newest(history: History) -> None:
    first, second = (file for file, _ in history.files)
    history.read_again((0, list(first.rows)))
    assert ("r1", second.name, "model-b") in list_latest(history.warehouse)


def test_a_clock_that_was_set_back_before_a_file_is_read_again_changes_no_earlier_row(
    history: History,
) -> None:
    with open_warehouse(history.warehouse, write=True) as connection:
        connection.execute("UPDATE scored_files SET committed_at = committed_at + INTERVAL 40 DAY")
        rebuild(connection)
    history.read_again((0, list(history.files[0][0].rows)))
    assert find_outdated(history.warehouse) == []


def test_a_reading_that_numbers_rows_otherwise_does_not_bring_back_forgotten_ones(history: History) -> None:
    history.forget(0)
    first, _ = history.files[0]
    history.read_again((0, [first.rows[1], first.rows[1], first.rows[0]]))
    with open_warehouse(history.warehouse, write=False) as connection:
        query = "SELECT source_sha256, rule FROM scored_files WHERE status = 'refused'"
        [(reading, rule)] = connection.execute(query).fetchall()
    assert (reading[:64], rule) == (first.source_sha256, "rows_renumbered")
    assert history.files[0][0] == first


def test_rows_of_an_earlier_reading_that_go_with_a_forgotten_one_are_counted(history: History) -> None:
    history.read_again((0, [{**FORGOTTEN, "text": "plot"}]))
    name = f"{history.files[0][0].source_sha256[:12]}:1"
    found = find_forgettable(history.warehouse, name, "row")
    assert (found.rows, found.rows_of_earlier) == (1, 2)  # the name is that of row 1 in both readings
    assert forget(history.warehouse, ForgetRequest(name, "row", "ann"), "row") == found
