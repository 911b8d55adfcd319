"""The scorer: a bundle and texts in, one score a text out. The same numbers as Keras's `model.predict`.

`python -m models.scorer BUNDLE CHECK.json` loads the bundle in this fresh process and compares the scores of
the texts in the file with those that the trained model gave: status 0 when they agree.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import load_model, load_vocabulary, read_facts
from models.quiet import load_tensorflow
from models.text import encode_reviews

if TYPE_CHECKING:
    import keras

BATCH_ROWS = 256
SAME_SCORE = 1e-5
"""Two scores of one text by one model differ by less than this, whatever computed them."""


@dataclass(frozen=True)
class ScoredTexts:
    """What a model says of n texts, in their order."""

    score: NDArray[np.float64]
    """[n] P(positive), 0 to 1."""
    token_count: NDArray[np.int32]
    """[n] words in the whole text."""
    oov_rate: NDArray[np.float32]
    """[n] share of words that the model does not know, 0 to 1."""
    truncated: NDArray[np.bool_]
    """[n] whether words at the front were left out."""


@dataclass(frozen=True)
class Scorer:
    """A loaded model, ready to score."""

    model_id: str
    sequence_length: int
    word_ids: Mapping[str, int]
    predict: Callable[[NDArray[np.int32]], NDArray[np.float32]]
    """[BATCH_ROWS, sequence_length] ids to [BATCH_ROWS] scores."""


def load_scorer(bundle_dir: Path) -> Scorer:
    """Load a bundle for scoring. Whether it may score is the caller's question: see `models.gate`."""
    facts = read_facts(bundle_dir)
    load_tensorflow()
    return make_scorer(
        facts["model_id"],
        load_model(bundle_dir),
        load_vocabulary(bundle_dir).ids(),
        facts["hyper_parameters"]["sequence_length"],
    )


def make_scorer(
    model_id: str, model: "keras.Model", word_ids: Mapping[str, int], sequence_length: int
) -> Scorer:
    """Make a scorer of a Keras model in memory, compiled once for one batch shape."""
    import tensorflow as tf

    shape = tf.TensorSpec((BATCH_ROWS, sequence_length), tf.int32)
    forward = tf.function(lambda ids: model(ids, training=False), input_signature=[shape])

    def predict(ids: NDArray[np.int32]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = forward(ids).numpy()[:, 0]
        return scores

    return Scorer(model_id, sequence_length, word_ids, predict)


def score_texts(
    scorer: Scorer, texts: Sequence[str], report: Callable[[int], None] = lambda rows: None
) -> ScoredTexts:
    """Score `texts`, each distinct text once; `report` is told of the rows done since its last call."""
    distinct = {text: position for position, text in enumerate(dict.fromkeys(texts))}
    where = np.fromiter((distinct[text] for text in texts), dtype=np.int64, count=len(texts))
    encoded = encode_reviews(list(distinct), scorer.word_ids, scorer.sequence_length)
    scores = score_ids(scorer, encoded.ids)
    report(len(texts))
    return ScoredTexts(
        scores[where], encoded.token_count[where], encoded.oov_rate[where], encoded.truncated[where]
    )


def score_ids(scorer: Scorer, ids: NDArray[np.int32]) -> NDArray[np.float64]:
    """Score encoded reviews, [n, sequence_length] ids to [n] scores, a fixed number of rows at a time."""
    scores = np.empty(len(ids), dtype=np.float64)
    for start in range(0, len(ids), BATCH_ROWS):
        batch = ids[start : start + BATCH_ROWS]
        padded = np.zeros((BATCH_ROWS, ids.shape[1]), dtype=np.int32)
        padded[: len(batch)] = batch
        scores[start : start + len(batch)] = scorer.predict(padded)[: len(batch)]
    return scores


def compare_in_this_process(bundle_dir: Path, expected: Mapping[str, float]) -> float:
    """Give the largest difference between the bundle's scores and the expected ones, by text."""
    found = score_texts(load_scorer(bundle_dir), list(expected)).score
    return float(np.abs(found - np.array(list(expected.values()))).max())


def _main(arguments: Sequence[str]) -> int:
    bundle_dir, check_file = map(Path, arguments)
    expected: dict[str, Any] = json.loads(check_file.read_text("utf-8"))
    difference = compare_in_this_process(bundle_dir, expected)
    sys.stdout.write(f"{difference:.3g}\n")
    return 0 if difference <= SAME_SCORE else 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
