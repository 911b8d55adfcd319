"""The engine of the wide LSTM: an exported graph and encoded reviews in, Keras's own scores out.

Only windows with known words are read, those of many reviews side by side; n-grams are looked up by their numbers.
Needs ONNX Runtime, neither TensorFlow nor Keras. The graph is made by `models.export_windows`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.engine import OpenGraph, count_cores, cut_batches, open_graph, refuse_unusable
from models.ngrams import NgramModel, rate_ngrams
from models.text import EncodedReviews
from models.windows import cut_windows

CONSTANTS = ("ngram_numbers", "ngram_ratio", "ngram_weight", "head", "blend", "biases")
"""Outputs of the graph that are the same for every input."""

WINDOWS_AT_ONCE = 32
"""Windows in one call: what they are on the way stays in the cache of a core (1.3 MB with 160 filters)."""


@dataclass(frozen=True)
class WindowEngine:
    """A graph that is ready to run, and what is computed beside it."""

    session: Any
    """ids [w, window] to highest and total [w, 2 units] and steps [w]."""
    sequence_length: int
    window: int
    vocabulary_size: int
    ngrams: NgramModel
    head: NDArray[np.float32]
    """[8 units] from the pooled values to the LSTM's logit."""
    blend: NDArray[np.float32]
    """[3] from the logits to the score's."""
    head_bias: float
    bias: float


@dataclass(frozen=True)
class Logits:
    """What the paths of the model say of n reviews, [n] each, before they are blended."""

    lstm: NDArray[np.float64]
    ngrams: NDArray[np.float64]
    """Of the whole review."""
    ending: NDArray[np.float64]
    """Of the n-grams of its last window."""

    def stack(self) -> NDArray[np.float64]:
        """Give them side by side, [n, 3]."""
        return np.stack([self.lstm, self.ngrams, self.ending], axis=1)


def reads_windows(opened: OpenGraph) -> bool:
    """Tell whether a graph is one of `models.export_windows`."""
    return "window" in opened.geometry


def load_window_engine(graph: Path | bytes | OpenGraph) -> WindowEngine:
    """Load a graph that `models.export_windows` made; one that can't be used is a `BundleError`."""
    opened = graph if isinstance(graph, OpenGraph) else open_graph(graph)
    with refuse_unusable(opened.name):
        nothing = np.zeros((1, opened.geometry["window"]), np.int32)
        numbers, ratio, weight, head, blend, biases = opened.session.run(list(CONSTANTS), {"ids": nothing})
        head_bias, ngram_bias, bias = (float(each) for each in biases)
        ngrams = NgramModel(numbers, ratio, weight, ngram_bias)
        return WindowEngine(
            opened.session,
            **opened.geometry,
            ngrams=ngrams,
            head=head,
            blend=blend,
            head_bias=head_bias,
            bias=bias,
        )


def score_windows(engine: WindowEngine, encoded: EncodedReviews) -> NDArray[np.float64]:
    """Score n encoded reviews, [n] P(positive) in their order, on all cores."""
    return _blend(engine, rate_paths(engine, encoded))


def rate_paths(engine: WindowEngine, encoded: EncodedReviews) -> Logits:
    """Give the logits of n encoded reviews, in their order, on all cores.

    They must be encoded with the engine's own sequence length, else a `ValueError`.
    """
    if encoded.length != engine.sequence_length:
        raise ValueError(f"the model reads {engine.sequence_length} words, the reviews have {encoded.length}")
    logits = Logits(*(np.empty(len(encoded), np.float64) for _ in range(3)))
    threads, words = count_cores(), np.diff(encoded.offsets)

    def rate_into(rows: NDArray[np.intp]) -> None:
        # The longest comes first, so what is before it is padding in all.
        longest = min(-(-max(int(words[rows[0]]), 1) // engine.window) * engine.window, encoded.length)
        found = _rate_frame(engine, encoded.pad(rows)[:, encoded.length - longest :])
        logits.lstm[rows], logits.ngrams[rows], logits.ending[rows] = found.lstm, found.ngrams, found.ending

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(rate_into, cut_batches(words, threads)))
    return logits


def score_frame(engine: WindowEngine, frame: NDArray[np.int32]) -> NDArray[np.float64]:
    """Score `frame` [n, length], ids padded in front, in one go."""
    return _blend(engine, _rate_frame(engine, frame))


def _blend(engine: WindowEngine, logits: Logits) -> NDArray[np.float64]:
    logit = logits.stack() @ engine.blend.astype(np.float64) + engine.bias
    score: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return score


def _rate_frame(engine: WindowEngine, frame: NDArray[np.int32]) -> Logits:
    windows, review = cut_windows(frame, engine.window)
    highest, total, steps = _read_windows(engine, windows)
    first = np.flatnonzero(np.diff(review, prepend=-1))
    last = np.append(first[1:], len(review)) - 1
    pooled = [
        *_pool(
            np.maximum.reduceat(highest, first), np.add.reduceat(total, first), np.add.reduceat(steps, first)
        ),
        *_pool(highest[last], total[last], steps[last]),
    ]
    lstm = np.concatenate(pooled, axis=1) @ engine.head + engine.head_bias
    views = (frame, frame[:, -engine.window :])
    wide = (rate_ngrams(engine.ngrams, view, engine.vocabulary_size) for view in views)
    return Logits(lstm.astype(np.float64), *wide)


def _read_windows(engine: WindowEngine, windows: NDArray[np.int32]) -> list[NDArray[np.float32]]:
    """Give highest and total values [w, 2 units] and steps [w] of windows [w, window]."""
    names = ["highest", "total", "steps"]
    starts = range(0, len(windows), WINDOWS_AT_ONCE)
    parts = [engine.session.run(names, {"ids": windows[start : start + WINDOWS_AT_ONCE]}) for start in starts]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _pool(
    highest: NDArray[np.float32], total: NDArray[np.float32], steps: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give highest and mean values [n, 2 units]; 0 where no step sees a known word."""
    counts = steps[:, None]
    return np.where(counts > 0, highest, 0), total / np.maximum(counts, 1)
