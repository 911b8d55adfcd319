"""How fast and accurate the engine is, beside the rule-based tools VADER and TextBlob, which need no training.

    python -m benchmarks.without_model BUNDLE [BUNDLE ...] --reviews test.parquet [--rows 2000] [--runs 5]

All score the same reviews of the archive's test split, chosen at random with a fixed seed, without HTML line breaks.
The rule-based tools use one core, so each runs in one process per core. All run in turns. Prints a Markdown table.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.ratios import spread
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer, score_texts
from models.graphs.batches import count_cores

Judge = Callable[[], NDArray[np.bool_]]


def main() -> None:
    """Time all tools in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, nargs="+")
    parser.add_argument("--reviews", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    texts, positive = read_reviews(arguments.reviews, arguments.rows)
    with ProcessPoolExecutor(count_cores()) as pool:
        sides: dict[str, Judge] = {
            "TextBlob": partial(judge_in_pool, pool, judge_with_textblob, texts),
            "VADER": partial(judge_in_pool, pool, judge_with_vader, texts),
        }
        for folder in arguments.bundle:
            sides[f"the engine, `{read_facts(folder)['variant']}`"] = partial(
                judge_with_model, load_scorer(folder), texts
            )
        found = {name: judge() for name, judge in sides.items()}  # also loads the libraries
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(arguments.runs):
            for name, judge in sides.items():
                started = perf_counter()
                judge()
                seconds[name].append(perf_counter() - started)
    print(f"{len(texts):,} reviews of the test split, medians of {arguments.runs} runs\n")
    print(
        "| how | accuracy | reviews/s, ratio to the first | from | to |\n| --- | ---: | ---: | ---: | ---: |"
    )
    first, *_ = seconds.values()
    for name, taken in seconds.items():
        ratios = [slow / mine for slow, mine in zip(first, taken, strict=True)]
        accuracy = (found[name] == positive).mean()
        print(f"| {name} | {accuracy:.3f} | {spread(ratios)} |")


def read_reviews(path: Path, rows: int) -> tuple[list[str], NDArray[np.bool_]]:
    """Return `rows` texts, chosen with a fixed seed, and whether each is positive."""
    table = pq.read_table(path, columns=["text", "label"])
    table = table.take(np.random.default_rng(0).permutation(len(table))[:rows])
    texts: list[str] = [text.replace("<br />", " ") for text in table["text"].to_pylist()]
    return texts, np.array(table["label"].to_pylist()) == "pos"


def judge_with_model(scorer: Any, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Return for each text whether the model classifies it as positive."""
    return score_texts(scorer, texts).score >= 0.5


def judge_in_pool(
    pool: ProcessPoolExecutor, judge: Callable[[str], bool], texts: Sequence[str]
) -> NDArray[np.bool_]:
    """Return for each text whether `judge` classifies it as positive, computed by the processes of `pool`."""
    return np.array(list(pool.map(judge, texts, chunksize=50)))


def judge_with_vader(text: str) -> bool:
    """Return whether VADER's compound score of a text is not negative."""
    return bool(_load_vader().polarity_scores(text)["compound"] >= 0)


@cache
def _load_vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def judge_with_textblob(text: str) -> bool:
    """Return whether TextBlob's polarity of a text is not negative."""
    from textblob import TextBlob

    return bool(TextBlob(text).sentiment.polarity >= 0)


if __name__ == "__main__":
    main()
