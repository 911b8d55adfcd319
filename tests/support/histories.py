"""Histories of a database: the changes that commands make to its rows, in any order, for tests of what follows them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from data_contracts.errors import WarehouseError
from data_contracts.part_schemas import SOURCE_SCHEMA
from data_contracts.scored_reviews import SCORED_SCHEMA
from models.evaluation.gate import Decision
from tasks.maintenance import quarantine
from tasks.maintenance.forgetting import ForgetRequest, forget
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database import duckdb_engine, warehouse_connection
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.promotion import Attempt, record_decision, roll_back
from tasks.warehouse.readings.superseding import let_count
from tasks.warehouse.row_names import name_content
from tasks.warehouse.shadow.record import ShadowStart, start_shadow
from tasks.warehouse.shadow.scores import commit_shadow_scores
from tests.support.once import copy_sparsely
from tests.support.warehouse_parts import NOON, PartFile, write_part

SHADOW = "model-s"
MODELS = ("model-a", "model-b", "model-c")
ROWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from([None, "r1", "r2", "r3"]),
        "movie_id": st.sampled_from([None, "tt1", "tt2"]),
        "text": st.sampled_from(["good", "bad"]),
        "reviewed_at": st.sampled_from([None, NOON, NOON - timedelta(days=1), NOON + timedelta(days=9999)]),
        "score": st.sampled_from([0.1, 0.6, 0.9]),
        "given_label": st.sampled_from([None, None, "positive"]),
        "given_rating": st.sampled_from([None, 3.0, 5.0]),
        "near_key": st.sampled_from([None, 1, 2]),
    }
)
FORGOTTEN = {"review_id": None, "movie_id": None, "text": "good", "reviewed_at": None, "score": 0.1}
"""A row in quarantine that has the number of one that is forgotten."""
CHANGES = st.one_of(
    st.tuples(st.just("add"), st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=3)),
    st.tuples(st.just("export"), st.lists(st.lists(ROWS, min_size=1, max_size=4), min_size=1, max_size=3)),
    st.tuples(st.just("grow"), st.tuples(st.integers(0, 9), st.lists(ROWS, max_size=2))),
    st.tuples(st.just("bring back"), st.integers(0, 9)),
    st.tuples(st.just("rescore"), st.tuples(st.integers(0, 9), st.sampled_from(MODELS))),
    st.tuples(st.just("promote"), st.sampled_from(MODELS)),
    st.tuples(st.just("roll back"), st.none()),
    st.tuples(st.just("forget"), st.integers(0, 9)),
    st.tuples(st.just("release"), st.tuples(st.integers(0, 9), ROWS)),
    st.tuples(st.just("read again"), st.tuples(st.integers(0, 9), st.lists(ROWS, max_size=4))),
    st.tuples(st.just("count again"), st.integers(0, 9)),
    st.tuples(st.just("shadow"), st.integers(0, 9)),
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
        copy_sparsely(self.warehouse, copied.warehouse)
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

    def grow(self, choice: tuple[int, list[dict[str, Any]]]) -> None:
        """Commit a file that begins with another one at its place and has these rows after those."""
        if not self.files:
            return
        place = choice[0] % len(self.files)
        before, _ = self.files[place]
        rows = [*before.rows, *choice[1]]
        ledger = {"uri": before.name, "grown_from": [name_content(before.source_sha256)]}
        file = PartFile(f"{next(self.numbers)}.csv", rows, [len(rows) + 1], ledger=ledger)
        if commit_parts(
            self.warehouse, write_part(self._name_part(), [file], self.champion or "")
        ).files_scored:
            self.files[place] = (file, [self.champion or ""])

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
        self._record(model_id)
        decision = Decision(True, "better", ())
        record_decision(self.warehouse, Attempt(model_id, "always"), decision, self.champion)
        self.champion = model_id

    def _record(self, model_id: str) -> None:
        """Record a model, if it is not known yet."""
        with open_warehouse(self.warehouse, write=True) as opened:
            opened.execute(
                "INSERT INTO models (model_id, variant, seed, dataset, data_fingerprint, code_fingerprint, "
                "bundle_fingerprint, trained_at) VALUES (?, 'lstm', 0, 'sample', 'd', 'c', 'b', now()) "
                "ON CONFLICT DO NOTHING",
                [model_id],
            )

    def shadow(self, choice: int) -> None:
        """Commit the shadow's scores of the rows of a file, if it has not scored it yet."""
        if not self.files:
            return
        file, _ = self.files[choice % len(self.files)]
        self._record(SHADOW)
        start_shadow(self.warehouse, ShadowStart(SHADOW, "ann"))
        again = replace(file, rows=[{**row, "score": 1 - row["score"] ** 2} for row in file.rows])
        commit_shadow_scores(self.warehouse, write_part(self._name_part(), [again], SHADOW), SHADOW, "run-s")

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
        with open_warehouse(self.warehouse, write=False) as opened:
            return opened.execute(query, key).fetchall() == [(1,)]

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
        with open_warehouse(self.warehouse, write=True) as opened, begin_transaction(opened):
            opened.execute("CREATE TEMP TABLE chosen AS SELECT ? AS source_sha256", [file.source_sha256])
            let_count(opened, "chosen")

    def apply(self, change: tuple[str, Any]) -> None:
        """Make one of `CHANGES`."""
        name, values = change
        make: dict[str, Callable[[Any], None]] = {
            "add": self.add,
            "export": self.export,
            "grow": self.grow,
            "bring back": self.bring_back,
            "rescore": self.rescore,
            "promote": self.promote,
            "roll back": self.roll_back,
            "forget": self.forget,
            "release": self.release,
            "read again": self.read_again,
            "count again": self.count_again,
            "shadow": self.shadow,
        }
        make[name](values)

    def _name_part(self) -> Path:
        return self.folder / f"part-{next(self.numbers)}"


@contextmanager
def keep_open(history: History) -> Iterator[None]:
    """Leave the database of a history open between its changes, which saves a third of their time."""
    path = history.warehouse.absolute()
    with ExitStack() as until_done, pytest.MonkeyPatch.context() as patch:
        until_done.enter_context(duckdb_engine.attach(path, duckdb_engine.ROW_GROUPS))

        @contextmanager
        def use_open(wanted: Path, *_: str, wait_seconds: float = 0) -> Iterator[duckdb.DuckDBPyConnection]:
            assert wanted == path
            with duckdb_engine._find_engine().cursor() as session:
                session.execute("USE warehouse")
                yield session

        patch.setattr(warehouse_connection, "attach", use_open)
        yield


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
