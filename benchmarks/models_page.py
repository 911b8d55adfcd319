"""Writes `docs/models.md` and its pictures from the kept results, without training or measuring anything.

`benchmarks/variants.py` measures and keeps the results; all words and figures of the page are made here.
"""

import json
import math
import re
import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models_figures import (
    Model,
    Results,
    compare_elsewhere,
    find_best,
    find_right,
    group_models,
    list_training_ratios,
    list_values,
    rate_kinds,
)
from benchmarks.models_plots import draw_all, make_standalone
from benchmarks.paired import SAMPLES, PairedDifference
from data_contracts.archive import DATASETS
from deployments.settings import PROJECT_ROOT
from models.evaluation.behaviour import CAPABILITIES, ElsewhereReview, read_elsewhere
from models.evaluation.comparison import CONFIDENCE
from tasks.report.charts import Chart

PAGE = PROJECT_ROOT / "docs" / "models.md"
IMAGES = PROJECT_ROOT / "docs" / "images"
RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "models.json"
NOTHING = "–"

WIDTH = 118
"""Characters of a line of prose at most."""

HEAD = """
The variants of `reviews train`, on {dataset}: {train:,} reviews to learn from, {validation:,} of held-out
titles to choose an epoch by, {test:,} to test on; seeds {seeds}. A figure is the median of the seeds, in brackets
the lowest and the highest. Made by code from trained bundles (`make models`); the figures are kept in
`benchmarks/results/models.json`.{earlier}
"""
BEST = """
**The best is `{best}`**: it has the lowest log loss on the validation rows, which is what promotion asks; no test
figure had a part in the choice. Its test accuracy is {accuracy:.4f}, the linear baseline's {baseline:.4f}
({points}). On {reviews} reviews from elsewhere it is right in {elsewhere} % of cases{beside}.
"""
QUALITY = """
The last row is the linear baseline: it counts words and pairs of words, is fitted on the same reviews, and is never
promoted, so nothing is scored by it. *Unseen texts* are the test texts that stand in no training review, word for
word. Log loss is in nats, the calibration error that of ten bins, *stars off* the mean absolute error in stars of
10; *Spearman by title* is the rank correlation of the movies' mean predicted ratings with those that the writers
gave. Beside the spread of seeds, which reviews are tested on moves an accuracy by ±{half_width:.1f} points
({level:.0f} %).
"""
COST = """
Ratios count; times are of one machine. *Training* is the fit alone, with its look at the validation rows after each
epoch, and its ratio is to stock Keras `fit` of `cnn_lstm` in plain code, 2 epochs of the same seed in the same run
(less is faster). *Whole command* is `reviews train`, with reading, evaluating and the fresh process that checks the
bundle. *Scoring* is from texts to scores, the median and the range of turns, as a multiple of stock `model.predict`
of `lstm` in the same run ({stock_speed:,.0f} reviews/s), which is spared finding the words (more is faster); *words
found* is ours spared it too. For the baseline: words and pairs in use; the seconds of counting, fitting and predicting.
"""
ELSEWHERE = """
Accuracy in per cent on {reviews} reviews of our own writing ([evaluation-sets.md](evaluation-sets.md)), all and by
kind: the mean of the seeds, and for all the lowest and the highest.
"""
COMPARED = """
`{best}` beside each seed variant, review by review: the share of seeds that are right, in {samples:,} draws of
{reviews} reviews with replacement, the same ones for both.
"""
BEHAVIOUR = """
Tests that pass, in per cent, by type and capability ([evaluation-sets.md](evaluation-sets.md)); the mean of the
seeds.
"""
ABLATIONS = """
Test accuracy of a model's parts alone, and of the whole.
"""
PLAIN_KERAS = """
*Plain* is `benchmarks/plain_keras.py`, which shares no code with `models/`: the same training rows (a tenth of the
titles held out), 2 epochs, batches of 64, 5,000 words, 500 long, the epoch with the lower validation loss kept.
With the same seed it draws the same weights and batches. `reviews train` computes the LSTM itself: the same for a
batch, to 1e-6 ([performance.md](performance.md#training)); but training is chaotic, so that a seed comes out
elsewhere in the same range, and the range is what to compare. While training was Keras's own `fit`, both sides
agreed to the last digit on seeds 0 to 4: `lstm` 0.847 (0.835 to 0.864), `lstm_dropout` 0.840 (0.836 to 0.865),
`cnn_lstm` 0.881 (0.819 to 0.887).
"""


def write_page() -> None:
    """Write the page and its pictures from what is kept."""
    results = read_results()
    charts = draw_all(results)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        (IMAGES / name).write_text(make_standalone(chart), "utf-8")
    PAGE.write_text(make_page(results, charts, read_elsewhere()), "utf-8")


def read_results(path: Path = RESULTS) -> dict[str, Any]:
    """Read the kept results; leave with the next step where there are none."""
    if not path.is_file():
        raise SystemExit("Nothing is kept yet. Measure first: python -m benchmarks.variants --home HOME")
    return dict(json.loads(path.read_text("utf-8")))


def make_page(results: Results, charts: Mapping[str, Chart], reviews: Sequence[ElsewhereReview]) -> str:
    """Make the whole page; `reviews` are those whose scores are kept in the results."""
    sections = (
        _write_head(results, reviews),
        _write_quality(results, charts),
        _write_cost(results, charts),
        _write_elsewhere(results, reviews),
        _write_failures(results, reviews),
        _write_behaviour(results),
        _write_ablations(results),
        _write_stock(results),
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _write_head(results: Results, reviews: Sequence[ElsewhereReview]) -> str:
    best, models = find_best(results), group_models(results)
    accuracy = statistics.median(model["test"]["accuracy"] for model in models[best])
    baseline = results["baseline"]["test_accuracy"]
    seeds = _join(str(seed) for seed in sorted({model["seed"] for model in results["models"]}))
    compared = [
        f"{_write_points(each.difference)} beside `{name}` ({_write_interval(each)})"
        for name, each in compare_elsewhere(results, reviews).items()
    ]
    said = _fill(
        BEST,
        best=best,
        accuracy=accuracy,
        baseline=baseline,
        points=_write_points(accuracy - baseline),
        reviews=len(reviews),
        elsewhere=_write_percent(rate_kinds(models[best], reviews)["all"]),
        beside=f": {_join(compared)}" if compared else "",
    )
    old = results["of_earlier_code"]
    earlier = f" Of {len(results['models'])} bundles, {old} were trained by earlier code." if old else ""
    dataset = DATASETS[results["dataset"]]
    head = _fill(HEAD, dataset=dataset, seeds=seeds, earlier=earlier, **results["rows"])
    return "\n\n".join(["# The models side by side", head, results["machine"], said])


def _write_quality(results: Results, charts: Mapping[str, Chart]) -> str:
    figures: dict[str, Callable[[Model], float | None]] = {
        "test accuracy": lambda model: model["test"]["accuracy"],
        "on unseen texts": lambda model: model["test_unseen_texts"]["accuracy"],
        "log loss": lambda model: model["test"]["log_loss"],
        "calibration error": lambda model: model["test"]["calibration_error"],
        "stars off": lambda model: model["rating"]["mae"],
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
            *(_spread(list_values(models, pick), digits.get(title, 2)) for title, pick in figures.items()),
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
            _write_image(charts["models-accuracy.svg"]),
            _write_table(["variant", *figures], rows),
            _fill(QUALITY, half_width=100 * half_width, level=100 * CONFIDENCE),
            _write_image(charts["models-length.svg"]),
            _write_image(charts["models-reliability.svg"]),
        ]
    )


def find_half_width(share: float, reviews: int) -> float:
    """Give half the normal interval of a share that was measured on that many reviews."""
    return statistics.NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(share * (1 - share) / reviews)


def _write_cost(results: Results, charts: Mapping[str, Chart]) -> str:
    columns = [
        "variant",
        "parameters",
        "bundle, MB",
        "training, s",
        "beside stock Keras",
        "whole command, s",
        "scoring, beside stock Keras",
        "the same, words found",
        "reviews/s",
    ]
    rows = [_write_cost_row(results, name, models) for name, models in group_models(results).items()]
    baseline = results["baseline"]
    features, seconds = f"{baseline['features']:,}", f"{baseline['seconds']:.0f}"
    rows.append([f"*{baseline['name']}*", features, NOTHING, seconds, *[NOTHING] * 5])
    return "\n\n".join(
        [
            "## What they cost",
            _write_table(columns, rows),
            _fill(COST, stock_speed=next(iter(results["speed"].values()))["stock_reviews_a_second"]),
            _write_image(charts["models-speed.svg"]),
        ]
    )


def _write_cost_row(results: Results, name: str, models: Sequence[Model]) -> list[str]:
    speed = results["speed"].get(name)
    return [
        f"`{name}`",
        _join_values(sorted({model["parameters"] for model in models}), ","),
        f"{statistics.median(model['bytes'] for model in models) / 1e6:.1f}",
        _spread(list_values(models, lambda model: model["training_seconds"]), 0),
        _spread(list_training_ratios(results, models), 2),
        _spread(list_values(models, lambda model: model["command_seconds"]), 0),
        f"{speed['ratio']:.1f} ({speed['low']:.1f} to {speed['high']:.1f})" if speed else NOTHING,
        f"{speed['words_found_ratio']:.1f}" if speed else NOTHING,
        f"{speed['reviews_a_second']:,.0f}" if speed else NOTHING,
    ]


def _write_elsewhere(results: Results, reviews: Sequence[ElsewhereReview]) -> str:
    rates = {name: rate_kinds(models, reviews) for name, models in group_models(results).items()}
    kinds = list(next(iter(rates.values())))
    of_seeds = {
        name: [100 * rate_kinds([model], reviews)["all"] for model in models]
        for name, models in group_models(results).items()
    }
    rows = [
        [
            f"`{name}`",
            f"{_write_percent(rate['all'])} ({min(of_seeds[name]):.1f} to {max(of_seeds[name]):.1f})",
            *(_write_percent(rate[kind]) for kind in kinds[1:]),
        ]
        for name, rate in rates.items()
    ]
    parts = [
        "## Reviews from elsewhere",
        _fill(ELSEWHERE, reviews=len(reviews)),
        _write_table(["variant", *kinds], rows),
    ]
    compared = compare_elsewhere(results, reviews)
    if compared:
        parts += [
            _fill(COMPARED, best=find_best(results), samples=SAMPLES, reviews=len(reviews)),
            _write_table(
                ["beside", "difference", f"{100 * CONFIDENCE:.0f} % of draws", "p"],
                [
                    [f"`{name}`", _write_points(each.difference), _write_interval(each), f"{each.p:.4f}"]
                    for name, each in compared.items()
                ],
            ),
        ]
    return "\n\n".join(parts)


def _write_failures(results: Results, reviews: Sequence[ElsewhereReview]) -> str:
    best = find_best(results)
    models = group_models(results)[best]
    wrong = 1 - find_right(models, reviews)
    scores = np.median([model["elsewhere_scores"] for model in models], axis=0)
    missed = [place for place in range(len(reviews)) if wrong[place] > 0.5]
    rows = [
        [
            reviews[place].id,
            reviews[place].kind,
            reviews[place].label,
            f"{scores[place]:.3f}",
            f"{round(wrong[place] * len(models))} of {len(models)}",
            escape_markdown(reviews[place].text),
        ]
        for place in missed
    ]
    if not rows:
        return f"Most seeds of `{best}` call all of them rightly."
    return "\n\n".join(
        [
            "<details>",
            f"<summary>The {len(rows)} reviews that most seeds of <code>{best}</code> call wrongly, with the median "
            "score</summary>",
            _write_table(["id", "kind", "label", "score", "seeds wrong", "text"], rows, words=6),
            "</details>",
        ]
    )


def escape_markdown(text: str) -> str:
    """Write a text so that it stands in a cell of a Markdown table as it is, on one line."""
    marked = re.sub(r"([\\`*_\[\]|~$:])", r"\\\1", " ".join(text.split()))
    return marked.replace("&", "&amp;").replace("<", "&lt;")


def _write_behaviour(results: Results) -> str:
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
            rows.append([label, *(_write_percent(rate) for rate in rates)])
    return "\n\n".join(
        [
            "## Behaviour",
            _fill(BEHAVIOUR),
            _write_table(["tests", *(f"`{name}`" for name in models)], rows),
        ]
    )


def _write_ablations(results: Results) -> str:
    rows = [
        [f"`{name}`", part, _spread(accuracies, 4)]
        for name, models in group_models(results).items()
        for part, accuracies in _list_parts(models)
    ]
    if not rows:
        return ""
    return "\n\n".join(
        [
            "## What each part does",
            _fill(ABLATIONS),
            _write_table(["variant", "part", "test accuracy"], rows, words=2),
        ]
    )


def _list_parts(models: Sequence[Model]) -> list[tuple[str, list[float]]]:
    names = dict.fromkeys(name for model in models for name in model["ablations"])
    parts = [
        (name, [model["ablations"][name] for model in models if name in model["ablations"]]) for name in names
    ]
    whole = [model["test"]["accuracy"] for model in models]
    return [*parts, ("the whole", whole)] if parts else []


def _write_stock(results: Results) -> str:
    runs = results["stock"]
    if not runs:
        return ""
    ours = {(model["variant"], model["seed"]): model["test"]["accuracy"] for model in results["models"]}
    rows = []
    for run in runs:
        accuracy = ours.get((run["variant"], run["seed"]))
        cells = [f"{run['test_accuracy']:.4f}", NOTHING if accuracy is None else f"{accuracy:.4f}"]
        rows.append([f"`{run['variant']}`", str(run["seed"]), *cells])
    table = _write_table(["variant", "seed", "plain", "`reviews train`"], rows)
    return "\n\n".join(["## Beside plain Keras code", _fill(PLAIN_KERAS), table])


def _fill(words: str, **figures: Any) -> str:
    """Put the figures into a paragraph and break it into lines."""
    text = " ".join(words.format(**figures).split())
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _write_image(chart: Chart) -> str:
    return f"![{chart.title}](images/{chart.name}.svg)\n\n{_fill('*{title}.* {summary}', **vars(chart))}"


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Write a Markdown table; the first columns, as many as `words`, are aligned as words, the others as numbers."""
    lines = [columns, ["---" if place < words else "---:" for place in range(len(columns))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], digits: int) -> str:
    """Write the median with the lowest and the highest of several values."""
    if not values:
        return NOTHING
    median, low, high = (
        f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return median if len(values) == 1 else f"{median} ({low} to {high})"


def _join_values(values: Sequence[float], spec: str) -> str:
    return _join(format(value, spec) for value in values)


def _join(words: Iterable[str]) -> str:
    """Write a list in words."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _write_percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _write_points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _write_interval(compared: PairedDifference) -> str:
    return f"{100 * compared.low:+.1f} to {100 * compared.high:+.1f}"
