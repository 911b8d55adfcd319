"""Trains the seed variants beside plain Keras code on the same rows, and writes `docs/seed-variants.md`.

    python -m benchmarks.seed_variants [--seeds 5]

Needs the real archive's Parquet (`reviews ingest`). Each side trains in a process of its own with one thread,
so that both run at the same time on two cores. A run that was made before is not made again: results are kept
in `<home>/benchmarks/seed_variants.jsonl`.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from deployments.settings import PROJECT_ROOT, load_settings
from models.variants import VARIANTS, find_variant

SIDES = ("plain", "ours")
SEED_VARIANTS = ("cnn_lstm", "lstm", "lstm_dropout")
REPORT = PROJECT_ROOT / "docs" / "seed-variants.md"


def main() -> None:
    """Run what is missing on both sides at once, then write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="train seeds 0 to N-1 (default: 5)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    results = load_settings().home / "benchmarks" / "seed_variants.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    if arguments.side:
        run_side(arguments.side, arguments.seeds, results)
        return
    command = [sys.executable, "-m", "benchmarks.seed_variants", "--seeds", str(arguments.seeds), "--side"]
    running = [subprocess.Popen([*command, side], cwd=PROJECT_ROOT) for side in SIDES]
    statuses = [process.wait() for process in running]
    if any(statuses):
        sys.exit("A side failed: see above. What was done is kept.")
    REPORT.write_text(write_report(read_results(results)), "utf-8")
    print(f"Written: {REPORT}")


def read_results(results: Path) -> list[dict[str, Any]]:
    """Read the runs made so far, one dictionary a run."""
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def run_side(side: str, seeds: int, results: Path) -> None:
    """Make this side's missing runs, one after the other, on one thread."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    done = {(run["who"], run["variant"], run["seed"]) for run in read_results(results)}
    todo = [(seed, name) for seed in range(seeds) for name in SEED_VARIANTS if (side, name, seed) not in done]
    if not todo:
        return
    train = _prepare_plain() if side == "plain" else _prepare_ours()
    for seed, name in todo:
        found = {"who": side, "variant": name, "seed": seed, **train(name, seed)}
        with results.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(found) + "\n")
        print(f"{side:<6} {name:<13} seed {seed}: test accuracy {found['test_accuracy']:.4f}", flush=True)


def _prepare_plain() -> Any:
    from benchmarks.plain_keras import load_rows, run

    rows = load_rows(load_settings().reviews_dir)
    return lambda name, seed: run(name, seed, rows)


def _prepare_ours() -> Any:
    from tasks.training import encode_rows, load_rows, measure_trained, train_on

    rows = load_rows(load_settings().reviews_dir)
    encoded = encode_rows(rows, find_variant(SEED_VARIANTS[0]))

    def train(name: str, seed: int) -> dict[str, Any]:
        variant = find_variant(name)
        started = perf_counter()
        trained = train_on(rows, encoded, variant, seed, variant.epochs)
        seconds = perf_counter() - started
        evaluations = measure_trained(rows, encoded, trained, variant.sequence_length).evaluations
        return {
            "test_accuracy": evaluations["test"].accuracy,
            "validation_losses": [epoch.validation_loss for epoch in trained.history],
            "seconds": seconds,
        }

    return train


def write_report(runs: Iterable[dict[str, Any]]) -> str:
    """Lay out every run, the median first, as a page of Markdown."""
    accuracies: dict[tuple[str, str], dict[int, float]] = {}
    for run in runs:
        accuracies.setdefault((run["variant"], run["who"]), {})[run["seed"]] = run["test_accuracy"]
    seeds = sorted({seed for found in accuracies.values() for seed in found})
    header = (
        "| variant | code | median | worst | best | " + " | ".join(f"seed {seed}" for seed in seeds) + " |"
    )
    lines = [
        "# The seed variants beside plain Keras code",
        "",
        "Test accuracy on the Stanford archive: 2 epochs, batches of 64, 5,000 words, 500 long, the epoch with the",
        "lower validation loss kept; the same training rows (a tenth of the titles held out) on both sides.",
        "*plain* is `benchmarks/plain_keras.py`, which shares no code with `models/`; *ours* is what",
        "`reviews train` runs. Made by `make bench-variants`. Plain Keras code with the same seed draws the same",
        "weights and batches, and both compute the same for a batch, to 1e-6; but training is chaotic, so seeds come",
        "out apart and the range is what to compare.",
        "",
        header,
        "| --- | --- |" + " --- |" * (3 + len(seeds)),
    ]
    for name in VARIANTS:
        for side in SIDES:
            found = accuracies.get((name, side), {})
            if found:
                lines.append(_write_row(name, side, found, seeds))
    return "\n".join([*lines, ""])


def _write_row(name: str, side: str, found: dict[int, float], seeds: list[int]) -> str:
    values = np.array(list(found.values()))
    figures = [statistics.median(found.values()), values.min(), values.max()]
    cells = [f"{value:.4f}" for value in figures] + [
        f"{found[seed]:.4f}" if seed in found else "" for seed in seeds
    ]
    return f"| `{name}` | {side} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
