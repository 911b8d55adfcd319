"""How well predicted ratings fit the writers' on the real archive, for each variant over its seeds.

    python -m benchmarks.ratings HOME

HOME has models that `reviews train --variant NAME --seed N` trained. Prints a Markdown table with the median, lowest
and highest figures on the test split.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tasks.warehouse.model_registry import list_models

FIGURES = {
    "test_accuracy": "accuracy",
    "test_rating_mae": "mean absolute error, stars",
    "test_rating_rmse": "root mean square error, stars",
    "test_rating_spearman": "Spearman, by review",
    "test_title_spearman": "Spearman, by title",
    "test_title_pearson": "Pearson, by title",
}


def main() -> None:
    """Read the models of a home and print the figures of their predicted ratings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    home = parser.parse_args().home.absolute()
    models = [model for model in list_models(home / "reviews.duckdb") if model["test_rating_mae"] is not None]
    print(f"| variant | seeds | {' | '.join(FIGURES.values())} |")
    print(f"| --- | --- |{' ---: |' * len(FIGURES)}")
    for variant in sorted({model["variant"] for model in models}):
        of_variant = [model for model in models if model["variant"] == variant]
        seeds = ", ".join(str(seed) for seed in sorted(model["seed"] for model in of_variant))
        cells = [_describe([model[name] for model in of_variant]) for name in FIGURES]
        print(f"| `{variant}` | {seeds} | {' | '.join(cells)} |")


def _describe(figures: Sequence[Any]) -> str:
    return f"{median(figures):.3f} ({min(figures):.3f} to {max(figures):.3f})"


if __name__ == "__main__":
    main()
