"""Measures trained bundles of all variants, stores the figures, and writes `docs/models.md`.

    python -m benchmarks.variants [--home HOME] [--train] [--variants NAME ...] [--seeds 0 1 2] [--runs 5]
    python -m benchmarks.variants --render

The archive must be ingested in HOME, by default the home of `make bench`. For each variant and seed, the newest bundle
of the current data and code is measured; with `--any-code` also bundles of earlier code, which the page then mentions.
`--train` ingests if necessary, and trains missing bundles with `reviews train --promote never`; before each seed it
trains `cnn_lstm` with stock Keras in plain code. The machine should do nothing else. The time of each command and the
results of stock Keras are stored in `HOME/benchmarks/variants.jsonl`. All figures are stored in
`benchmarks/results/models.json`, which is in git; `--render` only writes the page and its pictures from these figures.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.all import describe_machine
from benchmarks.models_page import PAGE, RESULTS, write_page
from benchmarks.plain_keras import SEED_VARIANTS
from benchmarks.scoring_engine import prepare_predict, read_texts, time_of
from data_contracts.errors import BundleError
from deployments.installation_paths import PROJECT_ROOT
from models.bundle.folder import load_model, load_vocabulary
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import Scorer, load_scorer, score_texts
from models.evaluation.behaviour import list_behaviour_texts, rate_behaviour, read_behaviour_tests
from models.evaluation.elsewhere import read_elsewhere
from models.tensorflow import load_tensorflow
from models.tokenizer import encode_reviews
from models.training.kind_of_model import Variant
from models.variants import find_variant, list_variants
from tasks.archive.parquet_files import read_provenance
from tasks.support.code_version import fingerprint_code
from tasks.support.wording import drop_nan

STOCK_VARIANT = "cnn_lstm"
"""The variant that stock Keras trains for each seed; times of training are ratios to its time."""
SPEED_VARIANT = "lstm"
"""The variant whose `model.predict` is the reference for speeds of scoring."""
SPEED_ROWS = 4096
ENGINE = "from words"
"""The suffix of a measurement that starts from encoded words, as `model.predict` does, not from texts."""
SCORE_DIGITS = 5

Run = dict[str, Any]


def main() -> None:
    """Train missing bundles with `--train`, measure, store the figures and write the pages."""
    arguments = parse_arguments()
    if not arguments.render:
        home = arguments.home.absolute()
        variants = [find_variant(name) for name in arguments.variants]
        if arguments.train and read_provenance(home / "reviews") is None:
            subprocess.run([*_name_command(home), "ingest"], check=True)
        fingerprints = read_fingerprints(home, any_code=arguments.any_code)
        if arguments.train:
            train_missing(home, variants, arguments.seeds, fingerprints, arguments.stock)
        bundles = find_bundles(home / "bundles", variants, arguments.seeds, fingerprints)
        keep_results(measure(home, bundles, arguments.runs))
    write_page()
    print(f"Written: {PAGE.relative_to(PROJECT_ROOT)}")


def parse_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse `words`, by default the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=PROJECT_ROOT / "data" / "bench")
    parser.add_argument(
        "--train", action="store_true", help="train missing bundles, and stock Keras for comparison"
    )
    parser.add_argument("--variants", nargs="+", default=list(list_variants()), choices=list(list_variants()))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--runs", type=int, default=5, help="how often to time scoring (default: 5)")
    parser.add_argument("--stock", nargs="+", default=[STOCK_VARIANT], choices=SEED_VARIANTS)
    parser.add_argument(
        "--any-code", action="store_true", help="also measure bundles that earlier code trained"
    )
    parser.add_argument("--render", action="store_true", help="only write the page from the stored figures")
    arguments = parser.parse_args(words)
    if SPEED_VARIANT not in arguments.variants:
        parser.error(f"{SPEED_VARIANT} must be among the variants: speeds are ratios to its model.predict")
    return arguments


def read_fingerprints(home: Path, *, any_code: bool = False) -> dict[str, str]:
    """Return the fingerprints that a bundle must have: of the current data and, unless `any_code`, the current code."""
    provenance = read_provenance(home / "reviews")
    if provenance is None:
        raise SystemExit(
            f"{home / 'reviews'}: holds no complete reviews Parquet. Run `reviews ingest` first."
        )
    return {"data": provenance.data_fingerprint} | ({} if any_code else {"code": _fingerprint_models()})


def _fingerprint_models() -> str:
    return fingerprint_code(("models", "data_contracts"))


def find_bundle(bundles: Path, variant: Variant, seed: int, fingerprints: Mapping[str, str]) -> Path | None:
    """Return the newest bundle of a variant and seed with these fingerprints and the variant's numbers, or None."""
    found = [
        (facts["trained_at"], folder)
        for folder, facts in _read_bundles(bundles)
        if (facts["variant"], facts["seed"], facts["epochs"]) == (variant.name, seed, variant.epochs)
        and facts["hyper_parameters"] == variant.hyper_parameters()
        and fingerprints.items() <= facts["fingerprints"].items()
    ]
    return max(found)[1] if found else None


def _read_bundles(bundles: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in sorted(bundles.glob("[!.]*/")):
        try:
            yield folder, read_facts(folder)
        except BundleError:
            continue  # unfinished, or of another version


def find_bundles(
    bundles: Path, variants: Sequence[Variant], seeds: Sequence[int], fingerprints: Mapping[str, str]
) -> dict[tuple[str, int], Path]:
    """Return the bundle of each variant and seed; exit with a list of the missing ones if there are any."""
    pairs = [(variant, seed) for variant in variants for seed in seeds]
    found = {(each.name, seed): find_bundle(bundles, each, seed, fingerprints) for each, seed in pairs}
    missing = [f"{name} seed {seed}" for (name, seed), folder in found.items() if folder is None]
    if missing:
        raise SystemExit(
            f"{bundles}: no bundle of the current code and data for {', '.join(missing)}. Next: train with --train. "
            "(A training with the same weights as an older bundle keeps the older one: move older bundles away first.)"
        )
    return {key: folder for key, folder in found.items() if folder is not None}


def train_missing(
    home: Path,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    fingerprints: Mapping[str, str],
    stock: Sequence[str],
) -> None:
    """Train the missing bundles seed by seed, stock Keras first, so that both run under the same conditions."""
    log = home / "benchmarks" / "variants.jsonl"
    trained_with = {"data": fingerprints["data"], "code": _fingerprint_models()}
    for seed in seeds:
        missing = [
            each.name for each in variants if find_bundle(home / "bundles", each, seed, fingerprints) is None
        ]
        known = {(run["variant"], run["seed"]) for run in read_runs(log, "stock", fingerprints["data"])}
        for name in stock:
            if missing or (name, seed) not in known:
                _keep_run(log, {**run_stock(home, name, seed), "data": fingerprints["data"]})
        for name in missing:
            _keep_run(log, {**run_training(home, name, seed), **trained_with})


def run_stock(home: Path, variant: str, seed: int) -> Run:
    """Train a seed variant with stock `fit` in a process of its own; return its seconds and test accuracy."""
    command = [sys.executable, "-m", "benchmarks.plain_keras", str(home / "reviews"), variant, str(seed)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"Stock Keras failed:\n{done.stderr}")
    return {"who": "stock", **json.loads(done.stdout.splitlines()[-1])}


def run_training(home: Path, variant: str, seed: int) -> Run:
    """Train a variant with `reviews train`; return the seconds of the whole command."""
    started = perf_counter()
    options = ["--variant", variant, "--seed", str(seed), "--promote", "never"]
    subprocess.run([*_name_command(home), "train", *options], check=True)
    return {"who": "ours", "variant": variant, "seed": seed, "command_seconds": perf_counter() - started}


def _name_command(home: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("reviews")), "--home", str(home)]


def read_runs(log: Path, who: str, data: str) -> list[Run]:
    """Return the logged runs on data with fingerprint `data` of `who` ('stock' or 'ours'), newest last."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    runs = [json.loads(line) for line in lines]
    return [run for run in runs if (run["who"], run["data"]) == (who, data)]


def _keep_run(log: Path, run: Run) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(run) + "\n")
    print(json.dumps(run), flush=True)


def measure(home: Path, bundles: Mapping[tuple[str, int], Path], runs: int) -> dict[str, Any]:
    """Return all figures of the page as JSON values: facts of the bundles, and what is measured now."""
    facts = {key: read_facts(folder) for key, folder in bundles.items()}
    first = next(iter(facts.values()))
    codes = {key: each["fingerprints"]["code"] for key, each in facts.items()}
    log, data = home / "benchmarks" / "variants.jsonl", first["fingerprints"]["data"]
    commands = {(run["variant"], run["seed"], run["code"]): run for run in read_runs(log, "ours", data)}
    stock = {(run["variant"], run["seed"]): run for run in read_runs(log, "stock", data)}
    return {
        "machine": describe_machine(),
        "dataset": first["provenance"]["dataset"],
        "rows": first["rows"],
        "baseline": {name: value for name, value in first["baseline"].items() if name != "data_fingerprint"},
        "of_earlier_code": sum(code != _fingerprint_models() for code in codes.values()),
        "variants": {name: find_variant(name).summary for name, _ in bundles},
        "models": [
            measure_bundle(folder, commands.get((*key, codes[key]))) for key, folder in bundles.items()
        ],
        "stock": [
            {name: run[name] for name in ("variant", "seed", "seconds", "test_accuracy")}
            for _, run in sorted(stock.items())
        ],
        "speed": measure_speed(home, bundles, runs),
    }


def measure_bundle(folder: Path, command: Run | None) -> dict[str, Any]:
    """Return a bundle's figures: its facts, its size, and its results on the two evaluation sets of our own."""
    load_tensorflow()
    facts, scorer = read_facts(folder), load_scorer(folder)
    metrics = facts["metrics"]
    elsewhere = score_texts(scorer, [review.text for review in read_elsewhere()]).score
    named = ("model_id", "variant", "seed", "kept_epoch", "epochs")
    return {
        **{name: facts[name] for name in named},
        "parameters": int(load_model(folder).count_params()),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "training_seconds": facts.get("training_seconds"),
        "command_seconds": command and command["command_seconds"],
        **{split: _pick_evaluation(metrics[split]) for split in ("validation", "test", "test_unseen_texts")},
        "reliability": metrics["test"]["reliability"],
        "by_length": metrics["by_length"],
        "rating": metrics["rating"],
        "ablations": {name: each["test_accuracy"] for name, each in metrics.get("ablations", {}).items()},
        "elsewhere_scores": [round(score, SCORE_DIGITS) for score in elsewhere.tolist()],
        "behaviour": measure_behaviour(scorer),
    }


def _pick_evaluation(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    names = ("reviews", "accuracy", "auc", "log_loss", "calibration_error")
    return {name: evaluation[name] for name in names}


def measure_behaviour(scorer: Scorer) -> dict[str, dict[str, float]]:
    """Return the share of passed behavioural tests, by type and by capability."""
    tests = read_behaviour_tests()
    result = rate_behaviour(tests, score_texts(scorer, list_behaviour_texts(tests)).score)
    return {
        "by_test": {each.name: each.rate for each in result.by_test},
        "by_capability": {each.name: each.rate for each in result.by_capability},
    }


def measure_speed(
    home: Path, bundles: Mapping[tuple[str, int], Path], runs: int
) -> dict[str, dict[str, float]]:
    """Time the scoring of test reviews by each variant's first seed, in turns with `model.predict` of `lstm`.

    `model.predict` starts from encoded words. Our scorers start from texts, and in a second measurement from encoded
    words too. One bundle must be of `lstm`. Returns ratios by variant, and reviews per second.
    """
    of_variant: dict[str, Path] = {}
    for (name, _), folder in bundles.items():
        of_variant.setdefault(name, folder)
    load_tensorflow()
    texts = read_texts(home / "reviews" / "test.parquet", SPEED_ROWS)
    sides = {"": _prepare_stock(of_variant[SPEED_VARIANT], texts)}
    for name, folder in of_variant.items():
        sides |= {name: _prepare_ours(folder, texts), f"{name} {ENGINE}": _prepare_engine(folder, texts)}
    for score in sides.values():
        score()  # compiles and warms up
    turns = [{name: time_of(score).wall for name, score in sides.items()} for _ in range(runs)]
    return {
        name: {
            **_compare_turns(turns, name),
            "reviews_a_second": len(texts) / _median(turns, name),
            "words_found_ratio": _compare_turns(turns, f"{name} {ENGINE}")["ratio"],
            "stock_reviews_a_second": len(texts) / _median(turns, ""),
        }
        for name in of_variant
    }


def _prepare_stock(folder: Path, texts: Sequence[str]) -> Callable[[], Any]:
    model = load_model(folder)
    length = int(model.input_shape[1])
    return prepare_predict(model, encode_reviews(texts, load_vocabulary(folder).ids(), length))


def _prepare_ours(folder: Path, texts: Sequence[str]) -> Callable[[], Any]:
    scorer = load_scorer(folder)
    return lambda: score_texts(scorer, texts)


def _prepare_engine(folder: Path, texts: Sequence[str]) -> Callable[[], Any]:
    scorer = load_scorer(folder)
    encoded = encode_reviews(texts, scorer.word_ids, scorer.sequence_length)
    return lambda: scorer.predict(encoded)


def _median(turns: Sequence[Mapping[str, float]], name: str) -> float:
    return statistics.median(turn[name] for turn in turns)


def _compare_turns(turns: Sequence[Mapping[str, float]], name: str) -> dict[str, float]:
    ratios = [turn[""] / turn[name] for turn in turns]
    return {"ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


def keep_results(results: Mapping[str, Any]) -> None:
    """Write the figures to `RESULTS`, always in the same order and with the same number of digits."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(_round(drop_nan(results)), indent=1, allow_nan=False) + "\n", "utf-8")


def _round(value: Any) -> Any:
    """Round every number to six significant digits, more than the page shows."""
    if isinstance(value, Mapping):
        return {name: _round(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_round(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
