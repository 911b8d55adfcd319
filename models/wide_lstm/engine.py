"""The engine of the wide LSTM: an exported graph and encoded reviews in, Keras's own scores out.

Only windows with known words are read, those of many reviews side by side. Of a review's first window the padding in
front is left out too: the state that it leaves behind is computed once. N-grams are looked up by their numbers.
Needs ONNX Runtime, neither TensorFlow nor Keras. The graph is made by `models.wide_lstm.export`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.batches import compute_in_batches
from models.graphs.session import OpenGraph, refuse_unusable
from models.tokenizer import EncodedReviews
from models.wide_lstm.ngrams import NgramModel, rate_ngrams
from models.wide_lstm.windows import cut_windows

CONSTANTS = ("ngram_numbers", "ngram_ratio", "ngram_weight", "head", "blend", "biases")
"""Outputs of the graph that are the same for every input."""

WINDOWS_AT_ONCE = 32
"""Windows in one call: what they are on the way stays in the cache of a core (1.3 MB with 160 filters)."""


@dataclass(frozen=True)
class WindowEngine:
    """A graph that is ready to run, and what is computed beside it."""

    session: Any
    """ids [w, words], h and c [2, w, units] to highest and total [w, 2 units], steps [w], h and c after them."""
    sequence_length: int
    window: int
    step: int
    """Words that one step of the LSTM is made of."""
    after: int
    """Words after its own that a step sees."""
    vocabulary_size: int
    pad_h: NDArray[np.float32]
    """[steps, units] the state before each step of a window that is all padding, read forwards."""
    pad_c: NDArray[np.float32]
    ngrams: NgramModel
    head: NDArray[np.float32]
    """[8 units] from the pooled values to the LSTM's logit."""
    blend: NDArray[np.float32]
    """[3] from the logits to the score's."""
    head_bias: float
    bias: float

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews, as `models.graphs.engine.Engine` has it."""
        return _blend(self, rate_paths(self, encoded))


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


def load_window_engine(opened: OpenGraph) -> WindowEngine | None:
    """Load the engine of a graph that `models.wide_lstm.export` made; None for a graph of another kind.

    A graph of this kind that can't be used is a `BundleError`.
    """
    if "window" not in opened.geometry:
        return None
    with refuse_unusable(opened.name):
        pad_h, pad_c = _follow_padding(opened)
        nothing = _feed(np.zeros((1, opened.geometry["window"]), np.int32), pad_h[0], pad_c[0])
        numbers, ratio, weight, head, blend, biases = opened.session.run(list(CONSTANTS), nothing)
        head_bias, ngram_bias, bias = (float(each) for each in biases)
        ngrams = NgramModel(numbers, ratio, weight, ngram_bias)
        return WindowEngine(
            opened.session,
            **opened.geometry,
            pad_h=pad_h,
            pad_c=pad_c,
            ngrams=ngrams,
            head=head,
            blend=blend,
            head_bias=head_bias,
            bias=bias,
        )


def _follow_padding(opened: OpenGraph) -> NDArray[np.float32]:
    """Give h and c, [2, steps, units], before each step of a window that is all padding, read forwards."""
    steps, step = opened.geometry["window"] // opened.geometry["step"], opened.geometry["step"]
    units = next(each.shape[-1] for each in opened.session.get_inputs() if each.name == "h")
    states = np.zeros((2, steps, units), np.float32)
    for number in range(1, steps):
        before = _feed(np.zeros((1, step), np.int32), *states[:, number - 1])
        states[:, number] = [both[0, 0] for both in opened.session.run(["h_out", "c_out"], before)]
    return states


def _feed(ids: NDArray[np.int32], h: NDArray[np.float32], c: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Give the inputs for windows [w, words] that are read from the state h, c [units], backwards from none."""
    states = np.zeros((2, 2, len(ids), len(h)), np.float32)
    states[0, 0], states[1, 0] = h, c
    return {"ids": ids, "h": states[0], "c": states[1]}


def rate_paths(engine: WindowEngine, encoded: EncodedReviews) -> Logits:
    """Give the logits of n encoded reviews, in their order, on all cores; otherwise as `WindowEngine.score`."""

    def rate(frame: NDArray[np.int32], words: NDArray[np.int64]) -> NDArray[np.float64]:
        return _rate_frame(engine, frame).stack()

    return Logits(*compute_in_batches(encoded, engine.sequence_length, 3, rate).T)


def score_frame(engine: WindowEngine, frame: NDArray[np.int32]) -> NDArray[np.float64]:
    """Score `frame` [n, length], ids padded in front, in one go."""
    return _blend(engine, _rate_frame(engine, frame))


def _blend(engine: WindowEngine, logits: Logits) -> NDArray[np.float64]:
    logit = logits.stack() @ engine.blend.astype(np.float64) + engine.bias
    score: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return score


def _rate_frame(engine: WindowEngine, frame: NDArray[np.int32]) -> Logits:
    frame = _leave_out_padding(engine, frame)
    (highest, total, steps), review = _read_frame(engine, frame)
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


def _leave_out_padding(engine: WindowEngine, frame: NDArray[np.int32]) -> NDArray[np.int32]:
    """Take off the steps in front that see no known word in any review; the last step stays in any case."""
    known = np.flatnonzero(frame.any(axis=0))
    longest = frame.shape[1] - int(known[0]) if len(known) else 1
    whole, rest = divmod(longest - 1, engine.window)
    steps = -(-(rest + 1 + engine.after) // engine.step)
    length = whole * engine.window + min(steps * engine.step, engine.window)
    return frame[:, frame.shape[1] - length :]


def _read_frame(
    engine: WindowEngine, frame: NDArray[np.int32]
) -> tuple[list[NDArray[np.float32]], NDArray[np.integer[Any]]]:
    """Read reviews [n, length] that end with a window's end.

    Gives highest and total values [w, 2 units] and steps [w] of the windows with known words, and for each the review
    it is of, [w]: rising, a review's windows in order, at least one of every review.
    """
    rest = frame.shape[1] % engine.window
    if not rest:
        windows, review = cut_windows(frame, engine.window)
        return _read_windows(engine, windows), review
    front, others = frame[:, :rest], frame[:, rest:]
    if not others.size:
        return _read_windows(engine, front), np.arange(len(frame))
    begun = np.flatnonzero(front.any(axis=1))
    windows, review = cut_windows(others, engine.window)
    parts = zip(_read_windows(engine, front[begun]), _read_windows(engine, windows), strict=True)
    of_review = np.concatenate([begun, review])
    order = np.argsort(of_review, kind="stable")
    return [np.concatenate(part)[order] for part in parts], of_review[order]


def _read_windows(engine: WindowEngine, windows: NDArray[np.int32]) -> list[NDArray[np.float32]]:
    """Give highest and total values [w, 2 units] and steps [w] of windows [w, words].

    They may be shorter than a window: the steps in front that they lack are padding.
    """
    names, left_out = ["highest", "total", "steps"], (engine.window - windows.shape[1]) // engine.step
    h, c = engine.pad_h[left_out], engine.pad_c[left_out]
    starts = range(0, len(windows), WINDOWS_AT_ONCE)
    parts = [
        engine.session.run(names, _feed(windows[start : start + WINDOWS_AT_ONCE], h, c)) for start in starts
    ]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _pool(
    highest: NDArray[np.float32], total: NDArray[np.float32], steps: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give highest and mean values [n, 2 units]; 0 where no step sees a known word."""
    counts = steps[:, None]
    return np.where(counts > 0, highest, 0), total / np.maximum(counts, 1)
