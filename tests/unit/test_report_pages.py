"""Tests of the HTML of reports: self-contained, harmless and accessible."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, NEXT_RUN
from tests.support.trainings import TRAINED, train
from tests.support.warehouse_parts import PartFile


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    with fill_tables() as filled:
        yield filled


@pytest.fixture(scope="module")
def scoring_page() -> str:
    """The page of a scoring run with content in every section, and hostile text wherever it comes from files."""
    with fill_tables() as tables:
        nasty = HOSTILE["html"] + HOSTILE["ansi"]
        before = [{"movie_id": nasty, "text": f"before {number}", "score": 0.2} for number in range(5)]
        tables.run([PartFile("before.csv", before)])
        tables.promote()
        scores = (0.9, 0.91, 0.92, 0.1, 0.11, 0.12, 0.5)  # so that each is in one of the lists
        rows: list[dict[str, Any]] = [
            {"review_id": nasty, "movie_id": nasty, "text": text, "score": score, "given_rating": 9.0}
            for text, score in zip(HOSTILE.values(), scores, strict=True)
        ]
        rows += [{"text": f"a film {'x' * number}", "score": number / 1000} for number in (300, 600)]
        rows += [{"text": "y" * 1_000_000, "score": 0.0}]
        refused = PartFile(f"{nasty}.csv", status="refused", ledger={"rule": "csv_broken", "detail": nasty})
        tables.run([PartFile(nasty, rows, bad_rows=[len(rows) + 1]), refused], NEXT_RUN)
        tables.record([make_failure(observed=nasty, expected=nasty), make_failure(success=True)], NEXT_RUN)
        tables.change("UPDATE quarantined_rows SET raw_is_text = true")
        tables.settle()
        return tables.make_report(NEXT_RUN)


@pytest.fixture(scope="module")
def training_page() -> str:
    """The page of a training with content in every section."""
    with fill_tables() as tables:
        tables.promote()
        train(tables)
        tables.change(
            "INSERT INTO gate_checks BY NAME SELECT 1 AS decision, 'slice unknown_words_q4' AS name, 'model-n' AS "
            f"model_id, 'auto' AS mode, true AS promoted, false AS passed, $${HOSTILE['html']}$$ AS detail, "
            f"'model-a' AS compared_with, started_at AS \"at\", run_id FROM runs WHERE run_id = '{TRAINED}'"
        )
        return tables.make_report(TRAINED)


@pytest.fixture(params=["scoring_page", "training_page"])
def page(request: pytest.FixtureRequest) -> str:
    """Each of the two pages."""
    return str(request.getfixturevalue(request.param))


@pytest.mark.slow
def test_a_page_asks_for_nothing_and_runs_nothing(page: str) -> None:
    parsed = Page(page)
    policy = parsed.values("content")
    assert any(
        each.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:") for each in policy
    )
    assert not {"script", "iframe", "object", "embed", "base", "form", "img"} & {
        tag for tag, _ in parsed.elements
    }
    assert all(link.startswith(("#", "data:")) for link in parsed.values("href") + parsed.values("src"))
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert "@import" not in page
    assert not re.search(r"https?://|url\((?!#)", page)


def test_hostile_words_are_shown_as_words(scoring_page: str) -> None:
    parsed = Page(scoring_page)
    for kind in ("html", "script", "sql", "template", "attribute"):
        assert HOSTILE[kind] in parsed.text
    assert "\\x1b[31mred\\x1b[0m\\x07" in parsed.text
    assert "safe \\u202egnp.exe\\u2066 \\u200f" in parsed.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", scoring_page)


@pytest.mark.slow
def test_a_training_without_a_model_has_a_report(tables: FilledTables) -> None:
    tables.run([], TRAINED, flow="train-model", status="failed")
    assert "A training without a model" in tables.make_report(TRAINED)
