"""Writes `docs/models.md` and its pictures from the stored results; it measures nothing.

`benchmarks/variants.py` measures and stores the results.
"""

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.elsewhere_section import format_elsewhere, format_interval, format_points
from benchmarks.models_figures import (
    Compared,
    Model,
    Results,
    compare_elsewhere,
    find_best,
    group_models,
    list_training_ratios,
    list_values,
    pick_measured,
    rate_kinds,
)
from benchmarks.models_plots import draw_all, make_standalone
from data_contracts.archive import DATASETS
from deployments.installation_paths import PROJECT_ROOT
from docs.markdown import NOTHING, fill_paragraph, format_percent, format_spread, format_table, join_words
from models.evaluation.behaviour import CAPABILITIES
from models.evaluation.bootstrap import CONFIDENCE
from models.evaluation.elsewhere import ElsewhereReview, read_elsewhere
from tasks.pages.svg_charts import Chart

PAGE = PROJECT_ROOT / "docs" / "models.md"
IMAGES = PROJECT_ROOT / "docs" / "images"
RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "models.json"

HEAD = """
The variants of `reviews train`, on {dataset}: {train:,} training reviews, {validation:,} reviews of held-out titles to
choose an epoch, {test:,} test reviews; seeds {seeds}. A figure is the median of the seeds, with the lowest and the
highest in brackets. `make models` generates this page from trained bundles and keeps the figures in
`benchmarks/results/models.json`.{earlier}
"""
BEST = """
**The best is `{best}`**: it has the lowest log loss on the validation rows, by which the gate decides; test figures
were not used for this choice. Its test accuracy is {accuracy:.4f}, the linear baseline's {baseline:.4f} ({points}). Of
{reviews} reviews from elsewhere it classifies {elsewhere} % correctly{beside}.
"""
QUALITY = """
The last row is the linear baseline: it counts words and pairs of words, is fitted on the same reviews, and is never
promoted, so it never scores. *Unseen texts* are the test texts that are not also training texts. Log loss is in nats,
the calibration error is over ten bins, *rating error* is the mean absolute error in stars, from 1 to 10; *Spearman by
title* is the rank correlation of the movies' mean predicted and mean given ratings. In addition to the spread of
seeds, the choice of test reviews changes an accuracy by ±{half_width:.1f} points ({level:.0f} %).
"""
COST = """
Only ratios are comparable; times are of one machine. *Training* is only the fit, with the validation after each epoch;
its ratio is to stock Keras `fit` of `cnn_lstm` in plain code, 2 epochs of the same seed in the same run (less is
faster). The seed variants' times are of the version that computed their LSTM itself
([performance.md](performance.md#training)). *Whole command* is `reviews train`, with reading, evaluating and the fresh
process that checks the bundle. *Scoring* is from texts to scores, the median and the range of alternating runs, as a
multiple of the speed of stock `model.predict` of `lstm` in the same run ({stock_speed:,.0f} reviews/s), which starts
from ids (more is faster); *from ids* is our scoring measured from ids too. For the baseline: words and pairs in use;
the seconds of counting, fitting and predicting.
"""
BEHAVIOUR = """
Behavioural tests that pass, in per cent, by type and capability ([variants.md](variants.md)); the mean
of the seeds.
"""
ABLATIONS = """
Test accuracy of each part of a model alone, and of the whole model.
"""
PLAIN_KERAS = """
*Plain* is `benchmarks/plain_keras.py`, which shares no code with `models/`: the same training rows (a tenth of the
titles held out), 2 epochs, batches of 64, 5,000 words, sequences of 500, the epoch with the lower validation loss kept.
With the same seed it draws the same weights and batches. The models on this page were trained by a version that
computed the LSTM of the seed variants itself: for one batch equal to 1e-6; but training is chaotic, so the same seed
leads to another result in the same range, and only the ranges are comparable. Now `reviews train` uses Keras's own
`fit`. When it did so before, both agreed to the last digit on seeds 0 to 4: `lstm` 0.847 (0.835 to 0.864),
`lstm_dropout` 0.840 (0.836 to 0.865), `cnn_lstm` 0.881 (0.819 to 0.887).
"""


def write_page() -> None:
    """Write the page and the pictures from the stored results."""
    results = read_results()
    charts = draw_all(results)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        (IMAGES / name).write_text(make_standalone(chart), "utf-8")
    reviews = pick_measured(results, read_elsewhere())
    PAGE.write_text(make_page(results, charts, reviews), "utf-8")


def read_results(path: Path = RESULTS) -> dict[str, Any]:
    """Return the stored results; exit with the next step if there are none."""
    if not path.is_file():
        raise SystemExit("There are no results yet. Next: python -m benchmarks.variants --home HOME")
    return dict(json.loads(path.read_text("utf-8")))


def make_page(results: Results, charts: Mapping[str, Chart], reviews: Sequence[ElsewhereReview]) -> str:
    """Return the whole page; `reviews` must be those whose scores are in the results."""
    compared = compare_elsewhere(results, reviews)
    sections = (
        _format_head(results, reviews, compared),
        _format_quality(results, charts),
        _format_cost(results, charts),
        format_elsewhere(results, reviews, compared),
        _format_behaviour(results),
        _format_ablations(results),
        _format_stock(results),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _format_head(results: Results, reviews: Sequence[ElsewhereReview], compared: Compared) -> str:
    best, models = find_best(results), group_models(results)
    accuracy = statistics.median(model["test"]["accuracy"] for model in models[best])
    baseline = results["baseline"]["test_accuracy"]
    seeds = join_words(str(seed) for seed in sorted({model["seed"] for model in results["models"]}))
    beside = [
        f"{format_points(each.difference)} compared with `{name}` ({format_interval(each)})"
        for name, each in compared.items()
    ]
    verdict = fill_paragraph(
        BEST,
        best=best,
        accuracy=accuracy,
        baseline=baseline,
        points=format_points(accuracy - baseline),
        reviews=len(reviews),
        elsewhere=format_percent(rate_kinds(models[best], reviews)["all"]),
        beside=f": {join_words(beside)}" if beside else "",
    )
    old = results["of_earlier_code"]
    earlier = f" Of {len(results['models'])} bundles, {old} were trained by earlier code." if old else ""
    dataset = DATASETS[results["dataset"]]
    head = fill_paragraph(HEAD, dataset=dataset, seeds=seeds, earlier=earlier, **results["rows"])
    return "\n\n".join(["# Comparison of the models", head, results["machine"], verdict])


def _format_quality(results: Results, charts: Mapping[str, Chart]) -> str:
    figures: dict[str, Callable[[Model], float | None]] = {
        "test accuracy": lambda model: model["test"]["accuracy"],
        "on unseen texts": lambda model: model["test_unseen_texts"]["accuracy"],
        "log loss": lambda model: model["test"]["log_loss"],
        "calibration error": lambda model: model["test"]["calibration_error"],
        "rating error": lambda model: model["rating"]["mae"],
        "Spearman by title": lambda model: model["rating"]["title_spearman"],
    }
    digits = {
        "test accuracy": 4,
        "on unseen texts": 4,
        "log loss": 3,
        "calibration error": 3,
        "Spearman by title": 3,
    }
    rows = [
        [
            f"`{name}`",
            *(
                format_spread(list_values(models, pick), digits.get(title, 2))
                for title, pick in figures.items()
            ),
        ]
        for name, models in group_models(results).items()
    ]
    baseline = results["baseline"]
    rows.append(
        [f"*{baseline['name']}*", f"{baseline['test_accuracy']:.4f}", *[NOTHING] * (len(figures) - 1)]
    )
    accuracies = [model["test"]["accuracy"] for model in group_models(results)[find_best(results)]]
    half_width = find_half_width(statistics.median(accuracies), results["rows"]["test"])
    return "\n\n".join(
        [
            "## How good they are",
            _format_image(charts["models-accuracy.svg"]),
            format_table(["variant", *figures], rows),
            fill_paragraph(QUALITY, half_width=100 * half_width, level=100 * CONFIDENCE),
            _format_image(charts["models-length.svg"]),
            _format_image(charts["models-reliability.svg"]),
        ]
    )


def find_half_width(share: float, reviews: int) -> float:
    """Return half the width of the normal confidence interval of a share that was measured on `reviews` reviews."""
    return statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(share * (1 - share) / reviews)


def _format_cost(results: Results, charts: Mapping[str, Chart]) -> str:
    columns = [
        "variant",
        "parameters",
        "bundle, MB",
        "training, s",
        "ratio to stock Keras",
        "whole command, s",
        "scoring, ratio to stock Keras",
        "the same, from ids",
        "reviews/s",
    ]
    rows = [_format_cost_row(results, name, models) for name, models in group_models(results).items()]
    baseline = results["baseline"]
    features, seconds = f"{baseline['features']:,}", f"{baseline['seconds']:.0f}"
    rows.append([f"*{baseline['name']}*", features, NOTHING, seconds, *[NOTHING] * 5])
    return "\n\n".join(
        [
            "## What they cost",
            format_table(columns, rows),
            fill_paragraph(COST, stock_speed=next(iter(results["speed"].values()))["stock_reviews_a_second"]),
            _format_image(charts["models-speed.svg"]),
        ]
    )


def _format_cost_row(results: Results, name: str, models: Sequence[Model]) -> list[str]:
    speed = results["speed"].get(name)
    return [
        f"`{name}`",
        _join_values(sorted({model["parameters"] for model in models}), ","),
        f"{statistics.median(model['bytes'] for model in models) / 1e6:.1f}",
        format_spread(list_values(models, lambda model: model["training_seconds"]), 0),
        format_spread(list_training_ratios(results, models), 2),
        format_spread(list_values(models, lambda model: model["command_seconds"]), 0),
        f"{speed['ratio']:.1f} ({speed['low']:.1f} to {speed['high']:.1f})" if speed else NOTHING,
        f"{speed['words_found_ratio']:.1f}" if speed else NOTHING,
        f"{speed['reviews_a_second']:,.0f}" if speed else NOTHING,
    ]


def _format_behaviour(results: Results) -> str:
    models = group_models(results)
    rows = []
    for test, capabilities in CAPABILITIES.items():
        groups = (("by_test", test), *(("by_capability", name) for name in capabilities))
        for group, name in groups:
            rates = [
                statistics.mean(model["behaviour"][group][name] for model in of_variant)
                for of_variant in models.values()
            ]
            words = name.replace("_", " ")
            label = f"**{words}**" if group == "by_test" else words
            rows.append([label, *(format_percent(rate) for rate in rates)])
    return "\n\n".join(
        [
            "## Behaviour",
            fill_paragraph(BEHAVIOUR),
            format_table(["tests", *(f"`{name}`" for name in models)], rows),
        ]
    )


def _format_ablations(results: Results) -> str:
    rows = [
        [f"`{name}`", part, format_spread(accuracies, 4)]
        for name, models in group_models(results).items()
        for part, accuracies in _list_parts(models)
    ]
    if not rows:
        return ""
    return "\n\n".join(
        [
            "## What each part does",
            fill_paragraph(ABLATIONS),
            format_table(["variant", "part", "test accuracy"], rows, words=2),
        ]
    )


def _list_parts(models: Sequence[Model]) -> list[tuple[str, list[float]]]:
    names = dict.fromkeys(name for model in models for name in model["ablations"])
    parts = [
        (name, [model["ablations"][name] for model in models if name in model["ablations"]]) for name in names
    ]
    whole = [model["test"]["accuracy"] for model in models]
    return [*parts, ("the whole", whole)] if parts else []


def _format_stock(results: Results) -> str:
    runs = results["stock"]
    if not runs:
        return ""
    ours = {(model["variant"], model["seed"]): model["test"]["accuracy"] for model in results["models"]}
    rows = []
    for run in runs:
        accuracy = ours.get((run["variant"], run["seed"]))
        cells = [f"{run['test_accuracy']:.4f}", NOTHING if accuracy is None else f"{accuracy:.4f}"]
        rows.append([f"`{run['variant']}`", str(run["seed"]), *cells])
    table = format_table(["variant", "seed", "plain", "`reviews train`"], rows)
    return "\n\n".join(["## Compared with plain Keras code", fill_paragraph(PLAIN_KERAS), table])


def _format_image(chart: Chart) -> str:
    return f"![{chart.title}](images/{chart.name}.svg)\n\n{fill_paragraph('*{title}.* {summary}', **vars(chart))}"


def _join_values(values: Sequence[float], spec: str) -> str:
    return join_words(format(value, spec) for value in values)
