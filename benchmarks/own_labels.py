"""What labels of a source gain on reviews of other things, over their number; and what they cost the archive.

    python -m benchmarks.own_labels HOME EXPORTS

HOME has a champion that was trained on the archive, EXPORTS the files of `FILES`. Of each file, every text counts once:
ratings of 4 and 5 are positive, of 1 and 2 negative. In each of ten draws, a layer is fitted on some of the texts and
measured on the rest: on each half of it, while the texts of the other half, without their labels, teach too. The
balanced sets are all negative texts of a file, or of all files, and as many positive ones of each, drawn; `archive` are
test reviews of the archive, from which there is nothing to learn. The gain is over the model alone on the same texts,
with its standard error over the draws. Prints a Markdown table; takes about ten minutes.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.storage.home import Home
from models.bundle.scorer import Scorer, encode_texts, load_scorer
from models.own_labels.fitting import LabelledTexts, fit_layer
from models.own_labels.layer import OwnLayer
from models.own_labels.valences import Lexicon, look_up_words
from tasks.training.dataset import load_rows
from tasks.warehouse.model_registry import PromotedModel, find_champion

FILES = {
    "food": ("amazon_food_reviews.csv", ",", "Text", "Score"),
    "clothing": ("womens_clothing_reviews.csv", ",", "Review Text", "Rating"),
    "Alexa": ("amazon_alexa.tsv", "\t", "verified_reviews", "rating"),
}
"""Of each set its file, delimiter, column of the text and column of the rating."""
NUMBERS = (0, 50, 200, 500, 1000)
"""Labels that are learnt from."""
LARGEST_SHARE = 0.7
"""Of a set's texts that are learnt from; the rest is measured on."""
DRAWS = 10
ARCHIVE_TEXTS = 5000
"""Test reviews of the archive, drawn, that are scored as if they came from the source."""


@dataclass(frozen=True)
class Background:
    """What all sets are measured with."""

    archive: LabelledTexts
    lexicon: Lexicon


@dataclass(frozen=True)
class Figures:
    """The figures of one draw on the texts without a label."""

    log_loss: float
    accuracy: float
    balanced_accuracy: float
    archive_accuracy: float
    """Of the archive's test reviews if they came from this source."""


def main() -> None:
    """Print the table."""
    arguments = make_parser(__doc__).parse_args()
    home = Home(arguments.home.absolute())
    _, scorer = load_champion(home)
    test = load_rows(home.reviews).test
    chosen = np.random.default_rng(0).permutation(len(test.texts))[:ARCHIVE_TEXTS]
    archive = score(scorer, {test.texts[row]: bool(test.positive[row]) for row in chosen})
    background = Background(archive, look_up_words(scorer.word_ids))
    print(
        "| set | labels | log loss | accuracy | points gained | balanced accuracy | draws worse than without "
        "| archive as this source |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, texts in [*list_sets(scorer, arguments.exports), ("archive", archive)]:
        for line in measure_set(name, texts, background):
            print(line, flush=True)


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of HOME and EXPORTS, for a benchmark with this docstring."""
    parser = argparse.ArgumentParser(description=str(doc).splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("exports", type=Path)
    return parser


def load_champion(home: Home) -> tuple[PromotedModel, Scorer]:
    """Return the champion of a home, and its scorer; exit without one."""
    champion = find_champion(home.warehouse)
    if champion is None:
        sys.exit(f"{home.folder}: has no champion")
    return champion, load_scorer(home.bundles / champion.model_id)


def list_sets(scorer: Scorer, exports: Path) -> Iterator[tuple[str, LabelledTexts]]:
    """Yield the texts of each set with its name: the files, then balanced ones of each file and of all."""
    random = np.random.default_rng(0)
    every: dict[str, bool] = {}
    for name, description in FILES.items():
        labels = read_labels(exports, *description)
        yield name, score(scorer, labels)
        negative = [text for text, positive in labels.items() if not positive]
        positive = random.permutation([text for text, is_positive in labels.items() if is_positive])
        balanced = dict.fromkeys(negative, False) | dict.fromkeys(positive[: len(negative)].tolist(), True)
        every |= balanced
        yield f"{name}, balanced", score(scorer, balanced)
    yield "all, balanced", score(scorer, every)


def read_labels(folder: Path, name: str, delimiter: str, text: str, rating: str) -> dict[str, bool]:
    """Return the labels of a file by text, the first one of each; texts rated in the middle are left out."""
    labels: dict[str, bool] = {}
    with (folder / name).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file, delimiter=delimiter):
            if row[text] and row[text].strip() and row[rating] in set("1245"):
                labels.setdefault(row[text], row[rating] in set("45"))
    return labels


def score(scorer: Scorer, labels: dict[str, bool]) -> LabelledTexts:
    """Score distinct texts by the model itself."""
    encoded = encode_texts(scorer, list(labels)).distinct
    return LabelledTexts(scorer.predict(encoded), encoded, np.array([*labels.values()]))


def measure_set(name: str, texts: LabelledTexts, background: Background) -> Iterator[str]:
    """Yield the lines of the table for one set."""
    for number in NUMBERS:
        if number > LARGEST_SHARE * len(texts.positive):
            continue
        drawn = [measure_draw(texts, number, draw, background) for draw in range(DRAWS)]
        mean = Figures(*np.mean([list(vars(each).values()) for each in drawn], axis=0).tolist())
        bare = [measure_draw(texts, number, draw, background, fit=False) for draw in range(DRAWS)]
        pairs = list(zip(drawn, bare, strict=True))
        worse = sum(each.log_loss > other.log_loss for each, other in pairs)
        gains = 100 * np.array([each.accuracy - other.accuracy for each, other in pairs])
        gained = f"{gains.mean():+.1f} (± {gains.std(ddof=1) / np.sqrt(DRAWS):.1f})" if number else "–"
        yield (
            f"| {name} | {number:,} | {mean.log_loss:.4f} | {mean.accuracy:.3f} | {gained} "
            f"| {mean.balanced_accuracy:.3f} | {worse} of {DRAWS} | {mean.archive_accuracy:.4f} |"
        )


def measure_draw(
    texts: LabelledTexts, number: int, draw: int, background: Background, fit: bool = True
) -> Figures:
    """Learn from as many texts, drawn at random, and measure on the rest."""
    order = np.random.default_rng(draw).permutation(len(texts.positive))
    learnt, halves = pick(texts, order[:number]), np.array_split(order[number:], 2)
    adapted = np.full(len(order), np.nan)
    on_archive = []
    for half, other in (halves, halves[::-1]):
        given = learnt, pick(texts, other), background.lexicon
        layer = fit_layer(*given).layer if fit and number else OwnLayer()
        adapted[half] = layer.adapt(texts.score[half], texts.encoded.take(half))
        on_archive.append(measure(background.archive, layer)[1])
    scores, positive = adapted[order[number:]], texts.positive[order[number:]]
    correct = (scores >= 0.5) == positive
    balanced = float((correct[positive].mean() + correct[~positive].mean()) / 2)
    return Figures(*rate(scores, positive), balanced, float(np.mean(on_archive)))


def measure(texts: LabelledTexts, layer: OwnLayer) -> tuple[float, float]:
    """Return log loss, in nats, and accuracy of the model with a layer."""
    return rate(layer.adapt(texts.score, texts.encoded), texts.positive)


def rate(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Return log loss, in nats, and accuracy of scores [n] beside their labels [n]."""
    likely = np.where(positive, scores, 1 - scores)
    log_loss = -np.log(np.maximum(likely, 1e-12)).mean()
    return float(log_loss), float(((scores >= 0.5) == positive).mean())


def pick(texts: LabelledTexts, rows: NDArray[np.int64]) -> LabelledTexts:
    """Return some of the texts."""
    return LabelledTexts(texts.score[rows], texts.encoded.take(rows), texts.positive[rows])


if __name__ == "__main__":
    main()
