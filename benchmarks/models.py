"""Trains and compares all variants: writes the tables of `docs/models.md`.

    python -m benchmarks.models [--home HOME] [--train] [--variants NAME ...] [--seeds 0 1 2] [--any-code]
    python -m benchmarks.models --render

The archive must be ingested in HOME, by default the home of `make bench`. For each variant and seed, the figures of the
newest bundle of the current data and code (with `--any-code` of any code) replace those in `benchmarks/results.json`,
which is in git; the figures of other variants stay, so that a new variant is compared with them. `--train` trains
missing bundles, and before each seed `cnn_lstm` with stock Keras in plain code. `--render` only writes the page.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.all import describe_machine
from benchmarks.commands import REVIEWS
from benchmarks.pairs import find_ratios, take_turns, time_call
from benchmarks.scoring import prepare_predict, read_texts
from data_contracts.errors import BundleError
from deployments.installation_paths import PROJECT_ROOT
from docs.markdown import format_percent, format_spread, format_table
from docs.pages import Part, write_part
from models.bundle.folder import load_model, load_vocabulary
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer, score_texts
from models.tensorflow import load_tensorflow
from models.tokenizer import encode_reviews
from models.variants import list_variants
from tasks.archive.parquet_files import read_provenance
from tasks.support.code_version import fingerprint_code
from tasks.training.build_bundle import CODE

PAGE = PROJECT_ROOT / "docs" / "models.md"
RESULTS = PROJECT_ROOT / "benchmarks" / "results.json"
STOCK_VARIANT = "cnn_lstm"
"""The variant that stock Keras trains too; times of training are ratios to its time."""
SPEED_VARIANT = "lstm"
"""The variant whose `model.predict` is the reference for speeds of scoring."""
SPEED_ROWS, SPEED_RUNS = 4096, 5

Results = dict[str, Any]
Model = Mapping[str, Any]
Bundles = dict[str, Path]
"""The bundle of each variant and seed, by `name_training`."""


def main() -> None:
    """Train missing bundles with `--train`, keep the figures and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, default=PROJECT_ROOT / "data" / "bench")
    parser.add_argument(
        "--train", action="store_true", help="train missing bundles, and stock Keras beside them"
    )
    parser.add_argument("--variants", nargs="+", default=list(list_variants()), choices=list(list_variants()))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--any-code", action="store_true", help="also take bundles that earlier code trained")
    parser.add_argument("--render", action="store_true", help="only write the tables from the kept figures")
    arguments = parser.parse_args()
    if not arguments.render:
        home, code = arguments.home.absolute(), None if arguments.any_code else fingerprint_code(CODE)
        bundles = find_bundles(home, code)
        wanted = [name_training(variant, seed) for seed in arguments.seeds for variant in arguments.variants]
        stock = []
        if arguments.train:
            stock = train_missing(home, [each for each in wanted if each not in bundles])
            bundles = find_bundles(home, code)
        if missing := [name for name in wanted if name not in bundles]:
            sys.exit(
                f"{home}: no bundle of the current code and data for {', '.join(missing)}. Next: --train"
            )
        keep_results(home, {name: bundles[name] for name in wanted}, stock)
    for name, table in make_tables(read_results()).items():
        write_part(Part(PAGE, "make models", name), table)


def name_training(variant: str, seed: int) -> str:
    """Name a variant and seed as the model ids begin."""
    return f"{variant}-s{seed}"


def find_bundles(home: Path, code: str | None) -> Bundles:
    """Return the newest bundle of each variant and seed, of the data of a home and, unless it is None, of this code."""
    provenance = read_provenance(home / "reviews")
    if provenance is None:
        sys.exit(f"{home / 'reviews'}: holds no complete reviews Parquet. Next: reviews --home {home} ingest")
    found = [
        (facts["trained_at"], name_training(facts["variant"], facts["seed"]), folder)
        for folder, facts in _read_bundles(home / "bundles")
        if facts["fingerprints"]["data"] == provenance.data_fingerprint
        and code in (None, facts["fingerprints"]["code"])
    ]
    return {name: folder for _, name, folder in sorted(found)}


def _read_bundles(bundles: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in bundles.glob("[!.]*/"):
        try:
            yield folder, read_facts(folder)
        except BundleError:
            continue  # unfinished, or of another version


def train_missing(home: Path, names: Sequence[str]) -> list[Results]:
    """Train models, and stock Keras once for each seed, so that both run under the same conditions."""
    stock: dict[str, Results] = {}
    for name in names:
        variant, _, seed = name.rpartition("-s")
        if seed not in stock:
            plain = [
                sys.executable,
                "-m",
                "benchmarks.plain_keras",
                str(home / "reviews"),
                STOCK_VARIANT,
                seed,
            ]
            done = subprocess.run(plain, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=True)
            stock[seed] = json.loads(done.stdout.splitlines()[-1])
        options = ["--variant", variant, "--seed", seed, "--promote", "never"]
        subprocess.run([REVIEWS, "--home", home, "train", *options], check=True)
    return list(stock.values())


def keep_results(home: Path, bundles: Bundles, stock: Sequence[Results]) -> None:
    """Put the figures of bundles, and what stock Keras reached, into the kept results."""
    kept = read_results()
    facts = {name: read_facts(folder) for name, folder in bundles.items()}
    first = next(iter(facts.values()))
    trained = {run["seed"]: run for run in [*kept["stock"], *stock]}
    kept |= {
        "machine": describe_machine(),
        "rows": first["rows"],
        "baseline": first["baseline"],
        "models": kept["models"] | {name: pick_figures(bundles[name], facts[name]) for name in facts},
        "stock": [trained[seed] for seed in sorted(trained)],
        "speed": kept["speed"] | measure_speed(home, bundles),
    }
    RESULTS.write_text(json.dumps(_round(kept), indent=1, allow_nan=False) + "\n", "utf-8")


def read_results() -> Results:
    """Return the kept results."""
    return dict(json.loads(RESULTS.read_text("utf-8")))


def _round(value: Any) -> Any:
    """Round every number to six significant digits, more than the page shows."""
    if isinstance(value, Mapping):
        return {name: _round(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_round(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def pick_figures(folder: Path, facts: Model) -> Model:
    """Return the figures of a bundle that the page shows."""
    metrics = facts["metrics"]
    elsewhere = metrics["elsewhere"]
    return {
        "variant": facts["variant"],
        "seed": facts["seed"],
        "test_accuracy": metrics["test"]["accuracy"],
        "log_loss": metrics["test"]["log_loss"],
        "calibration_error": metrics["test"]["calibration_error"],
        "rating_error": metrics["rating"]["mae"],
        "title_spearman": metrics["rating"]["title_spearman"],
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "training_seconds": facts["training_seconds"],
        "elsewhere": {each["name"]: each["rate"] for each in [elsewhere["overall"], *elsewhere["by_kind"]]},
        "behaviour": {each["name"]: each["rate"] for each in metrics["behaviour"]["by_test"]},
    }


def measure_speed(home: Path, bundles: Bundles) -> dict[str, float]:
    """Time the scoring of test reviews by a bundle of each variant, in turns with `model.predict` of `lstm`.

    `model.predict` starts from encoded words, our scorers from texts. Returns the ratios by variant; none if no bundle
    is of `lstm`.
    """
    of_variant = {name.rpartition("-s")[0]: folder for name, folder in bundles.items()}
    if SPEED_VARIANT not in of_variant:
        return {}
    load_tensorflow()
    texts = read_texts(home / "reviews" / "test.parquet", SPEED_ROWS)
    model, words = load_model(of_variant[SPEED_VARIANT]), load_vocabulary(of_variant[SPEED_VARIANT]).ids()
    sides: dict[str, Callable[[], object]] = {
        "": prepare_predict(model, encode_reviews(texts, words, int(model.input_shape[1])))
    }
    sides |= {name: partial(score_texts, load_scorer(folder), texts) for name, folder in of_variant.items()}
    for score in sides.values():
        score()  # compiles and warms up
    turns = take_turns({name: partial(time_call, score) for name, score in sides.items()}, SPEED_RUNS)
    return {name: statistics.median(find_ratios(turns[""], turns[name])) for name in of_variant}


def make_tables(results: Results) -> dict[str, str]:
    """Return the tables of the page, by the names of its parts; a figure is the median of the seeds."""
    return {
        "quality": f"{results['machine']}\n\n{_format_quality(results)}",
        "cost": _format_cost(results),
        "elsewhere": _format_rates(results, "elsewhere", "accuracy, %"),
        "behaviour": _format_rates(results, "behaviour", "passed, %"),
    }


def group_models(results: Results) -> dict[str, list[Model]]:
    """Return the models of each variant, sorted by seed, in the order of the variants."""
    models = sorted(results["models"].values(), key=lambda model: model["seed"])
    known = {model["variant"] for model in models}
    return {
        name: [each for each in models if each["variant"] == name]
        for name in list_variants()
        if name in known
    }


def _format_quality(results: Results) -> str:
    figures = {
        "test accuracy": ("test_accuracy", 4),
        "log loss": ("log_loss", 3),
        "calibration error": ("calibration_error", 3),
        "rating error": ("rating_error", 2),
        "Spearman by title": ("title_spearman", 3),
    }
    rows = [
        [
            f"`{name}`",
            *(format_spread([model[key] for model in models], digits) for key, digits in figures.values()),
        ]
        for name, models in group_models(results).items()
    ]
    baseline = [f"*{results['baseline']['name']}*", f"{results['baseline']['test_accuracy']:.4f}"]
    rows.append([*baseline, *[""] * (len(figures) - 1)])
    return format_table(["variant", *figures], rows)


def _format_cost(results: Results) -> str:
    stock = {run["seed"]: run["seconds"] for run in results["stock"]}
    rows = []
    for name, models in group_models(results).items():
        seconds = [model["training_seconds"] for model in models]
        ratios = [
            model["training_seconds"] / stock[model["seed"]] for model in models if model["seed"] in stock
        ]
        size = statistics.median(model["bytes"] for model in models) / 1e6
        speed = results["speed"].get(name)
        cells = [f"{size:.1f}", format_spread(seconds, 0), format_spread(ratios, 1)]
        rows.append([f"`{name}`", *cells, f"{speed:.1f}" if speed else ""])
    columns = ["variant", "bundle, MB", "training, s", "ratio to stock `cnn_lstm`"]
    return format_table([*columns, "scoring, ratio to `model.predict` of `lstm`"], rows)


def _format_rates(results: Results, figure: str, head: str) -> str:
    """Return a table of a figure by its groups, one a row, with the mean of the seeds of each variant."""
    models = group_models(results)
    groups = next(iter(models.values()))[0][figure]
    rows = [
        [
            group.replace("_", " "),
            *(
                format_percent(statistics.mean(model[figure][group] for model in of_variant))
                for of_variant in models.values()
            ),
        ]
        for group in groups
    ]
    return format_table([head, *(f"`{name}`" for name in models)], rows)


if __name__ == "__main__":
    main()
