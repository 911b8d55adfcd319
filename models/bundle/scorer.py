"""The scorer: gives texts the scores of a bundle's model, the same as Keras's `model.predict`.

The engine of its kind scores a bundle with a graph, without TensorFlow and Keras; Keras scores a bundle without one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.bundle.folder import find_graph, load_model, load_own, load_vocabulary
from models.bundle.reading_facts import read_facts
from models.evaluation.stars import LINEAR, StarMapping, read_stars
from models.graphs.engine_interface import MANY_REVIEWS, Engine
from models.list_of_kinds import ExportedModel, load_engine
from models.own_labels.layer import OwnLayer
from models.tensorflow import load_tensorflow
from models.tokenizer import EncodedReviews, encode_few_reviews, encode_reviews, to_bytes

if TYPE_CHECKING:
    import keras

KERAS_BATCH_ROWS = 256
FEW_TEXTS = 64
"""Texts up to which it is faster to look up their words one by one than to prepare the vocabulary for many."""


@dataclass(frozen=True)
class ScoredTexts:
    """The scores of n texts, in their order, and what the model reads of each text."""

    score: NDArray[np.float64]
    """[n] P(positive), 0 to 1."""
    token_count: NDArray[np.int32]
    """[n] words in the whole text."""
    oov_rate: NDArray[np.float32]
    """[n] share of words outside the vocabulary, 0 to 1."""
    truncated: NDArray[np.bool_]
    """[n] whether the text has more words than the model reads, so that the first ones are ignored."""


@dataclass(frozen=True)
class Scorer:
    """A loaded model, ready to score."""

    model_id: str
    sequence_length: int
    word_ids: Mapping[str, int]
    predict: Callable[[EncodedReviews], NDArray[np.float64]]
    """Maps n encoded reviews to scores [n], in their order."""
    stars: StarMapping = LINEAR
    """Maps a score to the rating that the review's writer would give."""
    own: Mapping[str, OwnLayer] = field(default_factory=dict)
    """What the labels of a source change in the scores of its texts, by the name of the source."""

    def find_adapted(self, source: str | None) -> str | None:
        """Return the name of the source if its labels change the scores of its texts, else None."""
        return source if source in self.own else None

    def predict_for(self, source: str | None) -> Callable[[EncodedReviews], NDArray[np.float64]]:
        """Return `predict` for the texts of a source; None is the model without the labels of any source."""
        layer = self.own.get(source or "")
        if layer is None:
            return self.predict
        return lambda encoded: layer.adapt(self.predict(encoded), encoded)


def load_scorer(bundle_dir: Path) -> Scorer:
    """Load a bundle for scoring, without checking whether it may score: see `models.bundle.blessed_scorer`."""
    facts = read_facts(bundle_dir)
    model_id, length = facts["model_id"], facts["hyper_parameters"]["sequence_length"]
    vocabulary = load_vocabulary(bundle_dir)
    word_ids = vocabulary.ids()
    graph = find_graph(bundle_dir)
    if graph is None:
        load_tensorflow("cpu")  # whatever a GPU is busy with
        scorer = make_keras_scorer(model_id, load_model(bundle_dir), word_ids, length)
    else:
        scorer = _make_engine_scorer(model_id, load_engine(graph), word_ids)
    return replace(scorer, stars=read_stars(facts), own=load_own(bundle_dir, vocabulary))


def warm_up(scorer: Scorer) -> None:
    """Score many empty reviews, so that the engine loads what pays for many; it then has it for few reviews too.

    For a process that scores again and again: it takes a second or so, and with Keras much longer.
    """
    scorer.predict(encode_reviews([""] * MANY_REVIEWS, {}, scorer.sequence_length))


def make_scorer(
    model_id: str, exported: ExportedModel, word_ids: Mapping[str, int], sequence_length: int
) -> Scorer:
    """Return the scorer that a bundle of this model would have."""
    if exported.graph is None:
        return make_keras_scorer(model_id, exported.model, word_ids, sequence_length)
    return _make_engine_scorer(model_id, load_engine(exported.graph), word_ids)


def _make_engine_scorer(model_id: str, engine: Engine, word_ids: Mapping[str, int]) -> Scorer:
    """Return a scorer that runs an engine."""
    return Scorer(model_id, engine.sequence_length, word_ids, engine.score)


def make_keras_scorer(
    model_id: str, model: "keras.Model", word_ids: Mapping[str, int], sequence_length: int
) -> Scorer:
    """Return a scorer that runs a Keras model in memory, compiled for batches of one shape."""
    import tensorflow as tf

    shape = tf.TensorSpec((KERAS_BATCH_ROWS, sequence_length), tf.int32)
    forward = tf.function(lambda ids: model(ids, training=False), input_signature=[shape], autograph=False)

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
    """Texts encoded for a scorer: each distinct text once."""

    distinct: EncodedReviews
    positions: NDArray[np.integer[Any]]
    """[n] the position of each text in `distinct`."""


def encode_texts(scorer: Scorer, texts: Sequence[str] | pa.Array) -> EncodedTexts:
    """Encode texts, in Python or in Arrow, as word ids. It uses one core; scoring them uses all cores."""
    distinct = to_bytes(texts).dictionary_encode()
    encode = encode_few_reviews if len(distinct.dictionary) <= FEW_TEXTS else encode_reviews
    encoded = encode(distinct.dictionary, scorer.word_ids, scorer.sequence_length)
    return EncodedTexts(encoded, distinct.indices.to_numpy())


def score_encoded(
    scorer: Scorer, texts: EncodedTexts, sources: Sequence[str] | NDArray[Any] | None = None
) -> ScoredTexts:
    """Score encoded texts; the result is in the order of the texts, repeated ones included.

    `sources` [n] are the sources of the texts, whose own labels count; None: of no source.
    """
    encoded, where = texts.distinct, texts.positions
    scores = scorer.predict(encoded)
    adapted = scores[where]
    of_row = np.asarray([] if sources is None else sources, dtype=object)
    for name in scorer.own.keys() & set(of_row.tolist()):
        rows = np.flatnonzero(of_row == name)
        chosen, place = np.unique(where[rows], return_inverse=True)
        adapted[rows] = scorer.own[name].adapt(scores[chosen], encoded.take(chosen))[place]
    return ScoredTexts(adapted, encoded.token_count[where], encoded.oov_rate[where], encoded.truncated[where])


def score_texts(
    scorer: Scorer, texts: Sequence[str] | pa.Array, sources: Sequence[str] | NDArray[Any] | None = None
) -> ScoredTexts:
    """Score texts, in Python or in Arrow, as `score_encoded` does; the model reads each distinct text once."""
    return score_encoded(scorer, encode_texts(scorer, texts), sources)
