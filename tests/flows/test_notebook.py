"""Tests of the module `reviews`: the published tables and the champion's scores in Python, as docs/queries.md shows."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import reviews
from data_contracts.errors import BundleError, UsageError, WarehouseError
from data_contracts.storage.home import Home
from tasks.texts.scores import ANSWER_SCHEMA
from tasks.warehouse.publishing import publish
from tests.conftest import PROJECT_ROOT
from tests.support.promoting import promote_model
from tests.support.scoring_runs import CSV, copy_scored_home
from tests.support.small_home import write_small_bundle

PAGE = PROJECT_ROOT / "docs" / "queries.md"


@pytest.fixture(scope="module")
def read_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that tests only read."""
    return copy_scored_home(Home(tmp_path_factory.mktemp("notebook") / "home"), {"a.csv": CSV})


@pytest.fixture
def opened(read_home: Home) -> Iterator[reviews.OpenHome]:
    with reviews.open(read_home.folder) as opened:
        yield opened


def test_the_lines_of_the_page_run_as_they_stand(read_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = re.findall(r"```python\n(import reviews\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 12
    monkeypatch.chdir(read_home.folder.parent)
    monkeypatch.setenv("REVIEWS_HOME", str(read_home.folder))
    names: dict[str, Any] = {}
    exec(code.replace('"data/demo"', repr(str(read_home.folder))), names)
    assert isinstance(names["ratings"], pd.DataFrame)
    assert isinstance(names["table"], pa.Table)
    assert isinstance(names["scores"], pd.DataFrame)
    names["home"].close()


def test_a_home_that_is_opened_again_has_the_copy_that_was_published_since(empty_home: Home) -> None:
    home = copy_scored_home(empty_home, {"a.csv": CSV})
    with reviews.open(home.folder) as before:
        promote_model(home.warehouse, write_small_bundle(home, 1).name, "for a test")
        publish(home)
        with reviews.open(home.folder) as after:
            counts = [each.sql("select count(*) from promotions").fetchall() for each in (before, after)]
    assert counts == [[(1,)], [(2,)]]


def test_a_closed_home_says_so(read_home: Home) -> None:
    home = reviews.open(read_home.folder)
    assert home.model_id
    home.close()
    home.close()
    for ask in (lambda: home.sql("select 1"), lambda: home.score(["good film"]), lambda: home.model_id):
        with pytest.raises(UsageError, match="this home is closed"):
            ask()


def test_nothing_can_be_written(opened: reviews.OpenHome) -> None:
    with pytest.raises(duckdb.Error, match="read-only"):
        opened.connection.execute("DELETE FROM scored_reviews")
    with pytest.raises(duckdb.Error):
        opened.connection.execute("COPY models TO 'models.csv'")


def test_texts_get_the_numbers_and_rules_of_the_batch(opened: reviews.OpenHome) -> None:
    columns = "score, sentiment, predicted_rating, token_count, oov_rate, truncated, model_id"
    rows = opened.sql(
        f"select text, {columns} from scored_reviews join source_reviews using (source_sha256, row_number)"
    ).fetchall()
    scores = opened.score([text for text, *_ in rows])
    assert scores.schema == ANSWER_SCHEMA
    for row, answer in zip(rows, scores.to_pylist(), strict=True):
        assert [answer[name] for name in columns.split(", ")] == pytest.approx(row[1:], abs=1e-6)
    assert opened.model_id == scores["model_id"][0].as_py()


def test_what_has_no_score_has_the_rule_that_it_breaks(opened: reviews.OpenHome) -> None:
    texts = ["good film", "  ", None, float("nan"), "unbekannt", "\ud800", "a\0b", "..."]
    scores = opened.score(pd.Series(texts, dtype=object))
    assert scores["rule"].to_pylist() == [
        None,
        *("text_blank", "text_missing", "text_missing", "text_no_known_word", "text_encoding", "text_nul"),
        "text_no_words",
    ]
    assert [score is None for score in scores["score"].to_pylist()] == [
        rule is not None for rule in scores["rule"].to_pylist()
    ]
    assert len(opened.score([])) == 0
    assert opened.score([None, ""])["score"].null_count == 2


@pytest.mark.parametrize(
    "texts",
    ["good film", b"good film", None, 7, {"text": "good"}, pd.DataFrame({"text": ["good"]})],
    ids=type,
)
def test_what_is_no_list_of_texts_is_named(opened: reviews.OpenHome, texts: Any) -> None:
    with pytest.raises(UsageError, match=f"must be a list of strings, not {type(texts).__name__}"):
        opened.score(texts)


def test_an_altered_bundle_does_not_score(empty_home: Home) -> None:
    home = copy_scored_home(empty_home, {"a.csv": CSV})
    [bundle] = home.bundles.iterdir()
    (bundle / "vocabulary.json").write_text("[]")
    with reviews.open(home.folder) as opened, pytest.raises(BundleError, match="was altered"):
        opened.score(["good film"])


def test_a_home_without_scores_says_what_is_next(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no published copy"):
        reviews.open(tmp_path)
