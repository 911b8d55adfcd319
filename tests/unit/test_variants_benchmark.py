"""Tests that `benchmarks/variants.py` selects the right bundles and trains missing ones and stock Keras."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import models_page, variants
from benchmarks.variants import (
    find_bundle,
    find_bundles,
    keep_results,
    parse_arguments,
    read_runs,
    train_missing,
)
from models.bundle.reading_facts import FACTS_FILE, FORMAT_VERSION
from models.variants import find_variant

LSTM, CNN_LSTM = find_variant("lstm"), find_variant("cnn_lstm")
PRESENT = {"data": "these reviews", "code": "this code"}


def put_bundle(bundles: Path, name: str, **changed: Any) -> Path:
    """Write a bundle of `lstm`, seed 0, of the present data and code, with some facts changed."""
    facts = {
        "format_version": FORMAT_VERSION,
        "model_id": name,
        "variant": "lstm",
        "seed": 0,
        "epochs": LSTM.epochs,
        "hyper_parameters": LSTM.hyper_parameters(),
        "fingerprints": {**PRESENT, "bundle": "some"},
        "trained_at": "2026-11-25T18:00:00+00:00",
        **changed,
    }
    folder = bundles / name
    folder.mkdir()
    (folder / FACTS_FILE).write_text(json.dumps(facts), "utf-8")
    return folder


def test_the_newest_bundle_of_a_variant_and_seed_is_taken(tmp_path: Path) -> None:
    put_bundle(tmp_path, "first")
    newest = put_bundle(tmp_path, "second", trained_at="2026-11-26T18:00:00+00:00")
    put_bundle(tmp_path, "third", trained_at="2026-11-24T18:00:00+00:00")
    assert find_bundle(tmp_path, LSTM, 0, PRESENT) == newest


@pytest.mark.parametrize(
    "changed",
    [
        {"variant": "cnn_lstm"},
        {"seed": 1},
        {"epochs": 1},
        {"hyper_parameters": {**LSTM.hyper_parameters(), "lstm_units": 8}},
        {"fingerprints": {**PRESENT, "data": "other reviews"}},
        {"fingerprints": {**PRESENT, "code": "earlier code"}},
        {"format_version": 999},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_bundle_of_anything_else_is_not_taken(tmp_path: Path, changed: dict[str, Any]) -> None:
    put_bundle(tmp_path, "other", **changed)
    assert find_bundle(tmp_path, LSTM, 0, PRESENT) is None


def test_a_bundle_of_earlier_code_is_taken_where_any_code_will_do(tmp_path: Path) -> None:
    folder = put_bundle(tmp_path, "earlier", fingerprints={**PRESENT, "code": "earlier code"})
    assert find_bundle(tmp_path, LSTM, 0, {"data": PRESENT["data"]}) == folder


def test_what_is_half_written_or_broken_is_passed_over(tmp_path: Path) -> None:
    put_bundle(tmp_path, ".lstm.1.tmp", trained_at="2026-11-27T18:00:00+00:00")
    (put_bundle(tmp_path, "broken") / FACTS_FILE).write_text("{", "utf-8")
    whole = put_bundle(tmp_path, "whole")
    assert find_bundle(tmp_path, LSTM, 0, PRESENT) == whole


def test_missing_bundles_are_named_with_the_next_step(tmp_path: Path) -> None:
    put_bundle(tmp_path, "only")
    with pytest.raises(
        SystemExit, match=r"lstm seed 1, cnn_lstm seed 0, cnn_lstm seed 1\. Next: train with --train"
    ):
        find_bundles(tmp_path, [LSTM, CNN_LSTM], [0, 1], PRESENT)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace training; return the list of trainings requested, in order."""
    done: list[str] = []

    def run(who: str, home: Path, variant: str, seed: int) -> dict[str, Any]:
        done.append(f"{who} {variant} {seed}")
        return {"who": who, "variant": variant, "seed": seed, "seconds": 1.0}

    monkeypatch.setattr(variants, "run_stock", lambda *arguments: run("stock", *arguments))
    monkeypatch.setattr(variants, "run_training", lambda *arguments: run("ours", *arguments))
    return done


def train(home: Path) -> None:
    train_missing(home, [LSTM, CNN_LSTM], [0, 1], PRESENT, ["cnn_lstm"])


def test_what_is_missing_is_trained_seed_by_seed_after_stock_keras(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "bundles").mkdir()
    put_bundle(tmp_path / "bundles", "there")
    train(tmp_path)
    assert told == [
        "stock cnn_lstm 0",
        "ours cnn_lstm 0",
        "stock cnn_lstm 1",
        "ours lstm 1",
        "ours cnn_lstm 1",
    ]


def test_where_nothing_is_missing_and_stock_keras_known_nothing_is_trained(
    tmp_path: Path, told: list[str]
) -> None:
    train(tmp_path)
    (tmp_path / "bundles").mkdir()
    for seed in (0, 1):
        put_bundle(tmp_path / "bundles", f"lstm-{seed}", seed=seed)
        hyper_parameters = CNN_LSTM.hyper_parameters()
        put_bundle(
            tmp_path / "bundles",
            f"cnn-{seed}",
            seed=seed,
            variant="cnn_lstm",
            hyper_parameters=hyper_parameters,
        )
    told.clear()
    train(tmp_path)
    assert told == []


def test_runs_on_other_data_are_not_those_of_these(tmp_path: Path, told: list[str]) -> None:
    train(tmp_path)
    log = tmp_path / "benchmarks" / "variants.jsonl"
    assert [run["seed"] for run in read_runs(log, "stock", PRESENT["data"])] == [0, 1]
    assert read_runs(log, "stock", "other reviews") == []


def test_kept_results_are_plain_json_of_six_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "RESULTS", tmp_path / "results" / "models.json")
    keep_results({"a": [1 / 3, float("nan")], "b": {"c": 12_345_678, "d": 0.87784, "e": None}})
    kept = models_page.read_results(tmp_path / "results" / "models.json")
    assert kept == {"a": [0.333333, None], "b": {"c": 12_345_678, "d": 0.87784, "e": None}}


def test_without_kept_results_there_is_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="There are no results yet"):
        models_page.read_results(tmp_path / "models.json")


def test_speeds_need_the_plain_lstm(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_arguments(["--variants", "lstm"]).seeds == [0, 1, 2]
    with pytest.raises(SystemExit):
        parse_arguments(["--variants", "cnn_lstm"])
    assert "lstm must be among the variants" in capsys.readouterr().err
