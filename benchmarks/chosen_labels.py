"""What labels of the reviews that `reviews models label` chooses gain, beside as many of reviews drawn at random.

    python -m benchmarks.chosen_labels HOME EXPORTS

HOME and EXPORTS are as for `benchmarks.own_labels`, and so are the sets. In each of ten draws three tenths of a set are
held out; of the others, two of three that are learnt from have a score next to 0.5, and one many unknown words. Prints
a Markdown table; takes about three minutes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.own_labels import (
    DRAWS,
    FILES,
    LARGEST_SHARE,
    load_champion,
    make_parser,
    measure,
    pick,
    read_labels,
)
from data_contracts.storage.home import Home
from models.bundle.scorer import Scorer, encode_texts, score_encoded
from models.own_labels.fitting import LabelledTexts, fit_layer
from models.own_labels.valences import Lexicon, look_up_words
from tasks.labelling.choosing import FEWEST_WORDS

NUMBERS = (30, 90, 150, 300)
"""Labels that are learnt from."""


def main() -> None:
    """Print the table."""
    arguments = make_parser(__doc__).parse_args()
    _, scorer = load_champion(Home(arguments.home.absolute()))
    print(
        "| set | labels | log loss: random | chosen | accuracy: random | chosen | draws in which chosen are better |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, description in FILES.items():
        labels = read_labels(arguments.exports, *description)
        for line in measure_set(name, scorer, labels):
            print(line, flush=True)


def measure_set(name: str, scorer: Scorer, labels: dict[str, bool]) -> Iterator[str]:
    """Yield the lines of the table for one set."""
    encoded = encode_texts(scorer, list(labels))
    scored = score_encoded(scorer, encoded)
    texts = LabelledTexts(scorer.predict(encoded.distinct), encoded.distinct, np.array([*labels.values()]))
    unknown = np.where(scored.token_count >= FEWEST_WORDS, scored.oov_rate, -1)
    lexicon = look_up_words(scorer.word_ids)
    for number in NUMBERS:
        drawn = np.array([measure_draw(texts, lexicon, unknown, number, draw) for draw in range(DRAWS)])
        (random_loss, random_right), (chosen_loss, chosen_right) = drawn.mean(axis=0)
        better = int((drawn[:, 1, 0] < drawn[:, 0, 0]).sum())
        yield (
            f"| {name} | {number} | {random_loss:.4f} | {chosen_loss:.4f} | {random_right:.3f} | {chosen_right:.3f} "
            f"| {better} of {DRAWS} |"
        )


def measure_draw(
    texts: LabelledTexts, lexicon: Lexicon, unknown: NDArray[np.float64], number: int, draw: int
) -> list[tuple[float, float]]:
    """Return log loss and accuracy on held-out texts, with labels drawn at random, and with chosen ones."""
    order = np.random.default_rng(draw).permutation(len(texts.positive))
    most = int(LARGEST_SHARE * len(order))
    pool, rest = order[:most], pick(texts, order[most:])
    chosen = choose(pool, abs(texts.score[pool] - 0.5), unknown[pool], number)
    layers = (fit_layer(pick(texts, rows), lexicon=lexicon).layer for rows in (pool[:number], chosen))
    return [measure(rest, layer) for layer in layers]


def choose(
    pool: NDArray[np.int64], distance: NDArray[np.float64], unknown: NDArray[np.float64], number: int
) -> NDArray[np.int64]:
    """Return the rows that `reviews models label` would choose, without random ones."""
    unlike = np.argsort(-unknown, kind="stable")[: number // 3]
    uncertain = [place for place in np.argsort(distance, kind="stable") if place not in set(unlike.tolist())]
    chosen: NDArray[np.int64] = pool[np.array([*unlike, *uncertain[: number - len(unlike)]])]
    return chosen


if __name__ == "__main__":
    main()
