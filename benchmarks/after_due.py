"""What the training brings that a run said is due: on reviews of other things, and on those of the archive itself.

    python -m benchmarks.after_due HOME EXPORTS [--draws 10] [--archive-draws 70]

HOME has a champion that was trained on the archive alone, EXPORTS the files of `benchmarks/own_labels.py`. Each set
arrives in a random order, 100 labelled reviews a day, as a source of its own that the champion has never seen. It is
judged at the end of each day, as in a run. When its accuracy has fallen below the promise, or 500 labels are new, the
labels that came by then are learnt from but for a fifth, on which the gate judges; so on until a model is promoted.
`archive` are test reviews, in which nothing has shifted and there is nothing to learn: 20 days a draw, so 70 draws are
200 weeks. Writes a table of docs/when-to-train.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from benchmarks.own_labels import FILES, load_champion, make_parser, measure, pick, read_labels, score
from data_contracts.storage.home import Home
from deployments.settings import Settings
from docs.pages import DOCS, Part, write_part
from models.evaluation.comparison import compare_scores
from models.evaluation.gate import FEWEST_OWN_REVIEWS, SMALLEST_GAIN
from models.evaluation.promise_judging import Promise, Stream, Tally, judge_promise
from models.own_labels.fitting import LabelledTexts, fit_layer
from models.own_labels.layer import OwnLayer
from models.own_labels.valences import Lexicon, look_up_words
from tasks.training.dataset import load_rows
from tasks.training.own_rows import TEST_SHARE
from tasks.warehouse.model_registry import find_model

PART = Part(DOCS / "when-to-train.md", "python -m benchmarks.after_due", "after-due")
LABELS_A_DAY = 100
ARCHIVE_DAYS = 20
FIRST_DAY = date(2026, 1, 1)
HEAD = (
    "| set | days until due | since its accuracy fell | trainings | promoted | later reviews | accuracy | log loss "
    "| better |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)


@dataclass(frozen=True)
class Champion:
    """What is known of the champion."""

    promise: Promise
    lexicon: Lexicon
    """Of its vocabulary."""


@dataclass(frozen=True)
class Training:
    """One training that was due, and what it brought on the reviews that came later."""

    day: int
    fell: bool
    """Whether the accuracy had fallen; else enough labels were new."""
    promoted: bool
    later: int
    before: tuple[float, float]
    """Log loss and accuracy of the champion on them; NaN without any."""
    after: tuple[float, float]
    """Of the model that was trained."""


def main() -> None:
    """Print the table and write it into the document."""
    parser = make_parser(__doc__)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--archive-draws", type=int, default=70)
    arguments = parser.parse_args()
    home = Home(arguments.home.absolute())
    champion, scorer = load_champion(home)
    row = find_model(home.warehouse, champion.model_id)
    promise = Promise(row["validation_accuracy"], row["validation_rows"], is_own=False)
    known = Champion(promise, look_up_words(scorer.word_ids))
    lines = list(HEAD)
    for name, description in FILES.items():
        texts = score(scorer, read_labels(arguments.exports, *description))
        lines.append(describe(name, [follow(texts, known, draw) for draw in range(arguments.draws)]))
    test = load_rows(home.reviews).test
    chosen = np.random.default_rng(0).permutation(len(test.texts))[: 5 * ARCHIVE_DAYS * LABELS_A_DAY]
    archive = score(scorer, {test.texts[place]: bool(test.positive[place]) for place in chosen})
    draws = [follow(archive, known, draw, ARCHIVE_DAYS) for draw in range(arguments.archive_draws)]
    lines.append(describe("archive", draws))
    print("\n".join(lines))
    write_part(PART, "\n".join(lines))


def describe(name: str, draws: Sequence[list[Training]]) -> str:
    """Return the line of a set; its figures after the first training of each draw, its trainings those of all."""
    every = [training for draw in draws for training in draw]
    firsts = [draw[0] for draw in draws if draw]
    better = sum(each.after[0] < each.before[0] for each in firsts)
    figures = (
        f"{mean(each.before[place] for each in firsts):.4f} → {mean(each.after[place] for each in firsts):.4f}"
        for place in (1, 0)
    )
    cells = (
        f"{median(each.day for each in firsts):g}",
        f"{sum(each.fell for each in firsts)} of {len(draws)}",
        f"{len(every)}",
        f"{sum(each.promoted for each in every)}",
        f"{mean(each.later for each in firsts):,.0f}",
        *figures,
        f"{better} of {len(firsts)}",
    )
    line = f"| {name} | {' | '.join(cells)} |"
    print(line, flush=True)
    return line


def follow(texts: LabelledTexts, champion: Champion, draw: int, most_days: int = 10**6) -> list[Training]:
    """Let the texts arrive in a random order; return the trainings up to the first promotion."""
    order = np.random.default_rng(draw).permutation(len(texts.positive))
    days = min(len(order) // LABELS_A_DAY, most_days)
    found: list[Training] = []
    for day, fell in list_due(texts, champion.promise, order, days):
        here, later = order[: day * LABELS_A_DAY], order[day * LABELS_A_DAY : days * LABELS_A_DAY]
        found.append(train(pick(texts, here), pick(texts, later), (day, fell), champion.lexicon))
        if found[-1].promoted:
            break
    return found


def list_due(
    texts: LabelledTexts, promise: Promise, order: NDArray[np.int64], days: int
) -> Iterator[tuple[int, bool]]:
    """Yield the days after which a training is due, and whether since the accuracy fell, which is a reason once."""
    is_right = ((texts.score >= 0.5) == texts.positive)[order]
    tallies, learnt, told = [], 0, False
    for day in range(1, days):
        of_day = is_right[(day - 1) * LABELS_A_DAY : day * LABELS_A_DAY]
        tallies.append((FIRST_DAY + timedelta(day), Tally(len(of_day), int(of_day.sum()))))
        fell = not told and judge_promise([Stream("", promise, tuple(tallies))])[0].fallen_since is not None
        if fell or (day - learnt) * LABELS_A_DAY >= Settings.train_at_labels:
            told, learnt = told or fell, day
            yield day, fell


def train(here: LabelledTexts, later: LabelledTexts, why: tuple[int, bool], lexicon: Lexicon) -> Training:
    """Learn from the labels that are here but for those held out; judge as the gate does, and measure on later ones."""
    held_out = np.random.default_rng(0).random(len(here.positive)) < TEST_SHARE
    layer = fit_layer(pick(here, np.flatnonzero(~held_out)), lexicon=lexicon).layer
    test = pick(here, np.flatnonzero(held_out))
    titles = [str(number) for number in range(len(test.positive))]
    gain = compare_scores(
        layer.adapt(test.score, test.encoded), test.score, test.positive, titles, {}
    ).log_loss_gain
    better = gain.value > SMALLEST_GAIN and gain.lower > 0
    promoted = better and len(titles) >= FEWEST_OWN_REVIEWS
    measured = (measure(later, each) for each in (OwnLayer(), layer))
    return Training(*why, promoted, len(later.positive), *measured)


if __name__ == "__main__":
    main()
