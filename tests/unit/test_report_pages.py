"""Tests of the HTML of reports: self-contained, harmless and accessible."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from models.evaluation.gate import Decision, GateCheck
from tasks.report.names_and_commands import format_release
from tasks.report.rendering import render_scoring, render_training
from tasks.report.run_choice import find_run
from tasks.report.training_facts import read_training_facts
from tasks.warehouse.promotion import DecisionRecord, record_decision
from tasks.warehouse.run_log import end_run, start_run
from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.parsed_pages import Page
from tests.support.report_homes import HOSTILE, NEXT_RUN, RUN, asking, change, make_bundle_facts, promote
from tests.support.run_facts import TRAINED
from tests.support.warehouse_parts import PartFile

DRIFT = """
CREATE OR REPLACE VIEW drift AS SELECT
    run_id, model_id, NULL::VARCHAR AS source, measure, 12::BIGINT AS reviews, 0.5 AS mean, 0.4 AS reference_mean,
    [0.25, 0.75] AS shares, [0.5, 0.5] AS reference_shares, ['-infinity'::DOUBLE, 0.5] AS bins_from,
    0.3 AS psi, 0.1 AS threshold,
    measure = 'score' AS drifted
FROM (SELECT DISTINCT run_id, model_id FROM scored_reviews), (SELECT unnest(['truncated', 'score']) AS measure)
"""


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    with fill_tables() as filled:
        yield filled


@pytest.fixture(scope="module")
def scoring_page() -> str:
    """The page of a scoring run with content in every section, and hostile text wherever it comes from files."""
    with fill_tables() as tables:
        return make_scoring_page(tables)


def make_scoring_page(tables: FilledTables) -> str:
    nasty = HOSTILE["html"] + HOSTILE["ansi"]
    before = [{"movie_id": nasty, "text": f"before {number}", "score": 0.2} for number in range(5)]
    tables.run([PartFile("before.csv", before)])
    tables.promote()
    rows: list[dict[str, Any]] = [
        {
            "review_id": nasty,
            "movie_id": nasty,
            "text": text,
            "score": 0.9 + number / 100,
            "given_rating": 9.0,
        }
        for number, text in enumerate(HOSTILE.values())
    ]
    rows += [{"text": f"a film {'x' * number}", "score": number / 1000} for number in (300, 600)]
    rows += [{"text": "y" * 1_000_000, "score": 0.0}]
    refused = PartFile(f"{nasty}.csv", status="refused", ledger={"rule": "csv_broken", "detail": nasty})
    files = [PartFile(nasty, rows, bad_rows=[len(rows) + 1]), refused]
    tables.run(files, NEXT_RUN)
    tables.record([make_failure(observed=nasty, expected=nasty), make_failure(success=True)], NEXT_RUN)
    tables.change(DRIFT, "UPDATE quarantined_rows SET raw_is_text = true")
    tables.settle()
    return render_scoring(tables.read_facts(NEXT_RUN))


@pytest.fixture(scope="module")
def training_page() -> str:
    """Make a check of the gate as the report reads it."""
    model: dict[str, Any] = {f"{split}_rows": 10 for split in ("train", "validation", "test")}
    model = {
        **model,
        "model_id": "model-a",
        "dataset": "stanford",
        "data_fingerprint": "d",
        "bundle_fingerprint": "b",
    }
    names = ("test_accuracy", "test_auc", "test_log_loss", "test_ece", "test_rating_mae")
    variants = [
        {
            **dict.fromkeys(names, 0.9),
            "variant": variant,
            "model_id": f"{variant}-s0",
            "dataset": "stanford",
            "is_this": variant == "lstm",
            "is_champion": variant == "lstm",
        }
        for variant in ("lstm", "cnn_lstm")
    ]
    promotion = {"at": TRAINED.run.started_at, "reason": HOSTILE["html"], "compared_with": None}
    return render_training(
        replace(
            TRAINED, model=model, variants=variants, promotion=promotion, gate=[make_check(HOSTILE["html"])]
        )
    )


def make_check(detail: str, **changed: Any) -> dict[str, Any]:
    """Return a rule of the gate as the report reads it."""
    figures = {"challenger": 0.9, "champion": 0.8, "gain_lower": 0.05, "gain_upper": 0.15}
    check = {"name": "slice unknown_words_q4", "passed": False, "detail": detail, **figures}
    return {**check, "compared_with": "model-b", "mode": "auto", **changed}


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


def test_every_id_is_there_once_and_every_reference_leads_to_one(page: str) -> None:
    parsed = Page(page)
    ids = Counter(parsed.values("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    named = [name for value in parsed.values("aria-labelledby") for name in value.split()]
    named += [link[1:] for link in parsed.values("href") if link.startswith("#")]
    named += re.findall(r"url\(#([^)]+)\)", page)
    assert set(named) <= set(ids)


def test_a_page_has_one_title_its_language_its_landmarks_and_headings_in_order(page: str) -> None:
    parsed = Page(page)
    assert parsed.elements[0] == ("html", {"lang": "en"})
    assert [parsed.count(tag) for tag in ("h1", "header", "main", "footer")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_headers_and_every_chart_a_title_and_its_figures(page: str) -> None:
    parsed = Page(page)
    heads = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    assert heads
    assert all('<th scope="col"' in table and '<th scope="row"' in table for table in heads)
    charts = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(charts) >= 3
    assert all("<title " in chart and 'role="img"' in chart and "<details>" in chart for chart in charts)
    assert parsed.open == []


def test_hostile_words_are_shown_as_words(scoring_page: str) -> None:
    parsed = Page(scoring_page)
    for kind in ("html", "script", "sql", "template", "attribute"):
        assert HOSTILE[kind] in parsed.text
    assert "\\x1b[31mred\\x1b[0m\\x07" in parsed.text
    assert "safe \\u202egnp.exe\\u2066 \\u200f" in parsed.text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", scoring_page)


def test_a_long_review_is_shortened_and_never_whole(scoring_page: str) -> None:
    assert "first 2,000 of 1,000,000 characters" in Page(scoring_page).text
    assert "y" * 2000 in scoring_page
    assert "y" * 2001 not in scoring_page


@pytest.mark.slow
def test_a_nul_is_spelled_out(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", [{"text": "zero\x00here"}])])
    assert "zero\\x00here" in Page(render_scoring(tables.read_facts())).text


def test_every_section_of_a_scoring_run_is_there(scoring_page: str) -> None:
    text = Page(scoring_page).text
    for heading in (
        "What came in",
        "What was refused, and why",
        "What was quarantined, and how it is released",
        "What was scored",
        "Drift",
        "The most positive",
        "The least certain",
        "Movies that moved",
        "Contracts",
        "Where the scores come from",
    ):
        assert heading in text
    assert "reviews quarantine release --rule text_encoding --encoding cp1252" in text
    assert "The score drifted: PSI 0.300, threshold 0.100." in text


def test_no_column_is_named_on_a_page(scoring_page: str) -> None:
    assert not re.search("token_count|oov_rate|truncated", Page(scoring_page).text)
    assert {"read whole", "score, from"} <= set(re.findall(r">([^<>]+)</text>", scoring_page))


@pytest.mark.slow
def test_long_names_are_cut_wherever_they_are_shown(tables: FilledTables) -> None:
    long = "z" * 5000
    rows = [
        {"review_id": long, "movie_id": long, "score": 0.5, "text": f"text {number}"} for number in range(5)
    ]
    tables.run([PartFile("before.csv", rows)])
    tables.promote()
    refused = PartFile(f"x{long}", status="refused", ledger={"detail": long})
    tables.run([PartFile(long, rows), refused], NEXT_RUN)
    tables.settle()
    page = render_scoring(tables.read_facts(NEXT_RUN))
    assert f'<span title="{"z" * 499}…">{"z" * 79}…</span>' in page
    shown = max(len(run) for run in re.findall("z+", Page(page).text))
    assert (shown, max(len(run) for run in re.findall("z+", page))) == (299, 499)


@pytest.mark.slow
def test_a_run_that_scored_again_says_so(tables: FilledTables) -> None:
    rows: list[dict[str, Any]] = [{"score": 0.9}, {"score": 0.1}]
    tables.run([PartFile("f.csv", rows, bad_rows=[3])])
    again = PartFile("f.csv", rows, ledger={"rows_read": 3})
    tables.run([again], NEXT_RUN, model_id="model-b")
    text = Page(render_scoring(tables.read_facts(NEXT_RUN))).text
    assert "2 reviews of 1 file scored again" in text
    assert "1 file with 3 rows that another model had scored before." in text
    assert "Quarantined: 1 of 3 rows (33.3\u00a0%)." in text
    assert "What came in" not in text


@pytest.mark.slow
def test_a_run_that_left_something_to_the_next_one_says_so(tables: FilledTables) -> None:
    tables.run([PartFile("a.csv", [{"text": "film"}])])
    facts = tables.read_facts()
    limited = replace(facts, run=replace(facts.run, counts={"files_left": 2, "rows_left": 1300}))
    said = ["Left for the next run" in Page(render_scoring(each)).text for each in (facts, limited)]
    assert said == [False, True]
    assert "2 files with 1,300 reviews" in Page(render_scoring(limited)).text


@pytest.mark.slow
def test_a_run_that_took_in_labels_says_how_many_and_names_their_files(tables: FilledTables) -> None:
    tables.run([PartFile("a.csv", [{"text": "film"}])])
    tables.change(
        "INSERT INTO label_files SELECT 'labels/ann.csv', 9, 9, 9, started_at FROM runs",
        "INSERT INTO label_files SELECT 'labels/bob.csv', 9, 9, 9, ended_at + INTERVAL 1 SECOND FROM runs",
    )
    facts = tables.read_facts()
    counts = {"label_sheets": 1, "labels_taken": 1200, "labels_withdrawn": 3}
    taken = replace(facts, run=replace(facts.run, counts=counts))
    assert (
        "Labels by people: 1,200 taken in, 3 withdrawn: labels/ann.csv." in Page(render_scoring(taken)).text
    )
    assert "Labels by people" not in Page(render_scoring(facts)).text


def test_refused_files_are_not_counted_among_those_read_to_the_end(scoring_page: str) -> None:
    assert "1 file with 11 rows, read to the end, and 1 refused file." in Page(scoring_page).text


@pytest.mark.parametrize(
    ("longest", "limit"), [(100_001, 110_000), (250_000, 250_000), (1_234_567, 1_300_000), (9_999_999, 10**7)]
)
def test_the_limit_to_release_long_texts_is_that_of_the_longest_rounded_up(longest: int, limit: int) -> None:
    row = {"rule": "text_too_long", "releasable": 2, "longest": longest}
    command = f"REVIEWS_MAX_TEXT_CHARS={limit} reviews quarantine release --rule text_too_long"
    assert format_release(row) == command


def test_what_can_not_be_released_has_no_command() -> None:
    assert format_release({"rule": "text_too_long", "releasable": 0, "longest": None}) is None
    assert format_release({"rule": "text_too_long", "releasable": 1, "longest": 10**7 + 1}) is None
    assert format_release({"rule": "text_blank", "releasable": 1, "longest": 1}) is None


@pytest.mark.slow
def test_rules_whose_rows_were_all_released_are_left_out(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", [{"score": 0.9}], bad_rows=[2, 3])])
    tables.change(
        "UPDATE quarantined_rows SET rule = 'text_too_long', released_at = now() WHERE row_number = 3",
    )
    text = Page(render_scoring(tables.read_facts())).text
    assert "text_encoding" in text
    assert "text_too_long" not in text
    assert "1 row was released since." in text


def test_every_section_of_a_training_is_there(training_page: str) -> None:
    text = Page(training_page).text
    for heading in (
        "Does it score?",
        "How it learnt",
        "ROC curve",
        "Calibration",
        "Right and wrong",
        "Errors by length",
        "How well the stars fit",
        "From score to stars",
        "Against the champion of that moment, model-b",
        "reviews: most unknown words, the last quarter",
        "95 % interval 84.0\u00a0% to 95.0\u00a0%",
        "Errors by kind of review",
        "How it behaves",
        "negated positive",
        "sarcastic",
        "Beside the others",
        "linear baseline",
        "What it was made of",
    ):
        assert heading in text


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([0.5, 0.3], True),
        ([0.3, 0.5], False),
        ([None, 0.3], True),
        ([0.3, None], False),
        ([None, None], False),
    ],
)
def test_the_kept_epoch_is_called_the_best_only_where_it_is(losses: list[float | None], said: bool) -> None:
    facts = make_bundle_facts()
    history = [
        {**epoch, "validation_loss": loss} for epoch, loss in zip(facts["history"], losses, strict=True)
    ]
    bundle = {**facts, "history": history, "rating": None, "kept_epoch": 2}
    model = {**dict.fromkeys(MODEL_COLUMNS), "dataset": "x"}
    text = Page(render_training(replace(TRAINED, bundle=bundle, model=model))).text
    assert ("the weights of epoch 2 were kept, which had the lowest validation loss." in text) == said


@pytest.mark.parametrize(("parts", "said"), [({}, False), ({"lstm": {"test_accuracy": 0.8}}, True)])
def test_the_curves_of_a_model_of_several_paths_are_said_to_be_of_one(
    parts: dict[str, Any], said: bool
) -> None:
    facts = make_bundle_facts()
    bundle = {**facts, "metrics": {**facts["metrics"], "ablations": parts}, "rating": None}
    model = {**dict.fromkeys(MODEL_COLUMNS), "dataset": "x"}
    text = Page(render_training(replace(TRAINED, bundle=bundle, model=model))).text
    assert ("The curves are of its LSTM branch alone." in text) == said


def test_the_rules_of_the_gate_are_counted_and_each_says_whether_it_held() -> None:
    checks = [make_check("worse"), make_check("better", name="log_loss", passed=True, mode="never")]
    model = {**dict.fromkeys(MODEL_COLUMNS), "dataset": "x"}
    page = render_training(replace(TRAINED, model=model, gate=checks))
    text = Page(page).text
    assert "1 of 2 rules of the gate held." in text
    assert "<td>✕\u00a0no</td><td>worse</td>" in page
    assert "<td>✓\u00a0yes</td><td>better</td>" in page


def test_a_training_without_a_champion_beside_it_shows_no_rules() -> None:
    first = make_check("the first model", name="first_model", passed=True, compared_with=None)
    model = {**dict.fromkeys(MODEL_COLUMNS), "dataset": "x"}
    assert "The rules of the gate" not in render_training(replace(TRAINED, model=model, gate=[first]))


def test_the_rules_that_a_run_asked_are_found_the_broken_ones_first(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    promote(warehouse)
    start_run(warehouse, RUN, "train-model", {"variant": "lstm", "seed": 0}, "code")
    checks = (
        GateCheck("log_loss", True, "lower"),
        GateCheck("accuracy", False, "lower too"),
        GateCheck("cost", True, "as long"),
    )
    record_decision(
        warehouse, DecisionRecord(Decision(False, "less accurate", checks), "model-a", "model-b", "auto", RUN)
    )
    record_decision(
        warehouse,
        DecisionRecord(Decision(False, "of another run", checks), "model-a", "model-b", "auto", NEXT_RUN),
    )
    end_run(warehouse, RUN, "completed", {"train": 1, "model_id": "model-a"})
    change(warehouse)
    with asking(tmp_path) as ask:
        facts = read_training_facts(ask, find_run(ask, RUN), tmp_path / "bundles")
    assert [row["name"] for row in facts.gate] == ["accuracy", "log_loss", "cost"]


@pytest.mark.parametrize(
    "missing",
    [
        "slices",
        "behaviour",
        "elsewhere",
        "accuracy_interval",
        "roc",
        "by_length",
        "rating",
        "reliability",
        "auc",
    ],
)
def test_a_bundle_that_lacks_a_figure_has_a_page_all_the_same(missing: str) -> None:
    facts = make_bundle_facts()
    metrics = {name: each for name, each in facts["metrics"].items() if name != missing}
    test = {name: each for name, each in metrics["test"].items() if name != missing}
    test = {**test, **({"auc": None} if missing == "auc" else {})}
    bundle = {**facts, "metrics": {**metrics, "test": test}, "history": [], "rating": None}
    page = render_training(
        replace(TRAINED, bundle=bundle, model={**dict.fromkeys(MODEL_COLUMNS), "dataset": "x"})
    )
    assert "How good it is" in Page(page).text


MODEL_COLUMNS = (
    "model_id", "train_rows", "validation_rows", "test_rows", "data_fingerprint", "bundle_fingerprint"
)  # fmt: skip


@pytest.mark.slow
def test_a_run_that_scored_nothing_has_a_page(tables: FilledTables) -> None:
    tables.run([PartFile("bad.csv", status="refused")], status="failed")
    text = Page(render_scoring(tables.read_facts())).text
    assert "the run failed" in text
    assert "bad.csv" in text


def test_a_training_is_found_by_the_model_in_its_counts_and_told_without_its_bundle(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    promote(warehouse)
    start_run(warehouse, RUN, "train-model", {"variant": "lstm", "seed": 0}, "code")
    end_run(
        warehouse,
        RUN,
        "completed",
        {"train": 1, "model_id": "model-a", "decision": "it is the champion already"},
    )
    kept = json.dumps({"evaluations": make_bundle_facts()["metrics"], "history": [], "baseline": {}})
    change(warehouse, f"UPDATE models SET metrics = '{kept}'")
    with asking(tmp_path) as ask:
        facts = read_training_facts(ask, find_run(ask, RUN), tmp_path / "bundles")
    assert (facts.model["model_id"], facts.is_champion, facts.promoted) == ("model-a", True, False)
    assert "This run did not promote it: it is the champion already." in Page(render_training(facts)).text


@pytest.mark.slow
def test_a_report_of_a_model_that_was_replaced_since_does_not_say_that_it_scores(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    start_run(warehouse, RUN, "train-model", {"variant": "lstm", "seed": 0}, "code")
    promote(warehouse)
    end_run(warehouse, RUN, "completed", {"train": 1, "model_id": "model-a"})
    kept = json.dumps({"evaluations": make_bundle_facts()["metrics"], "history": [], "baseline": {}})
    change(warehouse, f"UPDATE models SET metrics = '{kept}'")
    pages = []
    for replaced in (False, True):
        if replaced:
            promote(warehouse, "model-b")
        with asking(tmp_path) as ask:
            facts = read_training_facts(ask, find_run(ask, RUN), tmp_path / "bundles")
        pages.append(Page(render_training(facts)).text)
    assert "This model scores" in pages[0]
    assert "This model scores" not in pages[1]
    assert "another model scores now. This run promoted it, from" in pages[1]


def test_the_champion_that_a_promotion_replaced_is_known(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    promote(warehouse, "model-b")
    start_run(warehouse, RUN, "train-model", {"variant": "lstm", "seed": 0, "promote": "always"}, "code")
    promote(warehouse)
    end_run(warehouse, RUN, "completed", {"train": 1, "model_id": "model-a"})
    change(warehouse, "UPDATE promotions SET compared_with = 'model-b' WHERE model_id = 'model-a'")
    with asking(tmp_path) as ask:
        facts = read_training_facts(ask, find_run(ask, RUN), tmp_path / "bundles")
    assert facts.replaced is not None
    assert facts.replaced["model_id"] == "model-b"


def test_a_training_of_before_the_model_was_kept_is_found_by_its_time(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    start_run(warehouse, RUN, "train-model", {"variant": "lstm", "seed": 0}, "code")
    promote(warehouse)
    end_run(warehouse, RUN, "completed", {"train": 1})
    change(warehouse)
    with asking(tmp_path) as ask:
        facts = read_training_facts(ask, find_run(ask, RUN), tmp_path / "bundles")
    assert (facts.model["model_id"], facts.decision, facts.promoted) == ("model-a", "first", True)


def test_the_report_of_a_run_of_which_nothing_counts_says_so(tables: FilledTables) -> None:
    tables.run([PartFile("czech.csv", [{"score": 0.9, "counts": False}] * 3)])
    page = Page(render_scoring(tables.read_facts()))
    assert "3 reviews in other languages than English are scored" in page.text
