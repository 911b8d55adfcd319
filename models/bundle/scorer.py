"""The scorer: a bundle and texts in, one score a text out. The same numbers as Keras's `model.predict`.

A bundle with a graph is scored by the engine of its kind, without TensorFlow and Keras; any other by Keras itself.

`python -m models.bundle.scorer BUNDLE CHECK.json` loads the bundle in this fresh process and compares the scores of
the texts in the file with those that the trained model gave: status 0 when they agree.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.bundle.folder import find_graph, load_model, load_vocabulary, read_facts
from models.evaluation.stars import LINEAR, StarMapping, read_stars
from models.graphs.engine import SAME_SCORE, Engine
from models.kinds import ExportedModel, load_engine
from models.tensorflow import load_tensorflow
from models.tokenizer import EncodedReviews, encode_reviews, to_bytes

if TYPE_CHECKING:
    import keras

KERAS_BATCH_ROWS = 256


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
    predict: Callable[[EncodedReviews], NDArray[np.float64]]
    """n encoded reviews to [n] scores, in their order."""
    stars: StarMapping = LINEAR
    """From a score to the rating that its writer would give."""


def load_scorer(bundle_dir: Path) -> Scorer:
    """Load a bundle for scoring. Whether it may score is the caller's question: see `models.bundle.trust`."""
    facts = read_facts(bundle_dir)
    model_id, length = facts["model_id"], facts["hyper_parameters"]["sequence_length"]
    word_ids = load_vocabulary(bundle_dir).ids()
    graph = find_graph(bundle_dir)
    if graph is None:
        load_tensorflow()
        scorer = make_keras_scorer(model_id, load_model(bundle_dir), word_ids, length)
    else:
        scorer = _make_engine_scorer(model_id, load_engine(graph), word_ids)
    return replace(scorer, stars=read_stars(facts))


def make_scorer(
    model_id: str, exported: ExportedModel, word_ids: Mapping[str, int], sequence_length: int
) -> Scorer:
    """Make the scorer that a bundle of this model would have."""
    if exported.graph is None:
        return make_keras_scorer(model_id, exported.model, word_ids, sequence_length)
    return _make_engine_scorer(model_id, load_engine(exported.graph), word_ids)


def _make_engine_scorer(model_id: str, engine: Engine, word_ids: Mapping[str, int]) -> Scorer:
    """Make a scorer of an engine."""
    return Scorer(model_id, engine.sequence_length, word_ids, engine.score)


def make_keras_scorer(
    model_id: str, model: "keras.Model", word_ids: Mapping[str, int], sequence_length: int
) -> Scorer:
    """Make a scorer that runs a Keras model in memory, compiled once for one batch shape."""
    import tensorflow as tf

    shape = tf.TensorSpec((KERAS_BATCH_ROWS, sequence_length), tf.int32)
    forward = tf.function(lambda ids: model(ids, training=False), input_signature=[shape])

    def predict(encoded: EncodedReviews) -> NDArray[np.float64]:
        scores = np.empty(len(encoded), dtype=np.float64)
        for start in range(0, len(scores), KERAS_BATCH_ROWS):
            rows = np.arange(start, min(start + KERAS_BATCH_ROWS, len(scores)))
            padded = np.zeros((KERAS_BATCH_ROWS, sequence_length), dtype=np.int32)
            padded[: len(rows)] = encoded.pad(rows)
            scores[rows] = forward(padded).numpy()[: len(rows), 0]
        return scores

    return Scorer(model_id, sequence_length, word_ids, predict)


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as a model reads them, each distinct one once."""

    distinct: EncodedReviews
    positions: NDArray[np.integer[Any]]
    """[n] which of the distinct ones each text is."""


def encode_texts(scorer: Scorer, texts: Sequence[str] | pa.Array) -> EncodedTexts:
    """Find the words of `texts`, in Python or in Arrow. On one core; scoring what was found takes all of them."""
    distinct = to_bytes(texts).dictionary_encode()
    encoded = encode_reviews(distinct.dictionary, scorer.word_ids, scorer.sequence_length)
    return EncodedTexts(encoded, distinct.indices.to_numpy())


def score_encoded(scorer: Scorer, texts: EncodedTexts) -> ScoredTexts:
    """Score texts whose words are found."""
    scores, encoded, where = scorer.predict(texts.distinct), texts.distinct, texts.positions
    return ScoredTexts(
        scores[where], encoded.token_count[where], encoded.oov_rate[where], encoded.truncated[where]
    )


def score_texts(scorer: Scorer, texts: Sequence[str] | pa.Array) -> ScoredTexts:
    """Score `texts`, in Python or in Arrow, each distinct text once."""
    return score_encoded(scorer, encode_texts(scorer, texts))


def measure_difference(scorer: Scorer, expected: Mapping[str, float]) -> float:
    """Give the largest difference between the scores of texts and those expected, by text."""
    found = score_texts(scorer, list(expected)).score
    return float(np.abs(found - np.array(list(expected.values()))).max())


def _main(arguments: Sequence[str]) -> int:
    bundle_dir, check_file = map(Path, arguments)
    expected: dict[str, float] = json.loads(check_file.read_text("utf-8"))
    difference = measure_difference(load_scorer(bundle_dir), expected)
    sys.stdout.write(f"{difference:.3g}\n")
    return 0 if difference <= SAME_SCORE else 1


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
