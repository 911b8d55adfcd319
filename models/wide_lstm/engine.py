"""The engine of the wide LSTM: computes from the exported graph the scores that the Keras model gives.

It reads only windows with known words, those of many reviews side by side. It also skips the padding at the front of a
review's first window: the state that padding leaves behind is computed once, when the graph is loaded. The convolution
and the n-grams are looked up, outside of the graph (`models.wide_lstm.kernels.choice`). Needs ONNX Runtime, but neither
TensorFlow nor Keras. `models.wide_lstm.export` makes the graph.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.batches import compute_in_batches
from models.graphs.session import OpenGraph, refuse_unusable_graph
from models.tokenizer import EncodedReviews
from models.wide_lstm.kernels.choice import Kernels, choose_kernels
from models.wide_lstm.kernels.numpy_convolution import Convolution, make_convolution, pool_words
from models.wide_lstm.ngrams import NgramModel
from models.wide_lstm.windows import cut_windows

CONSTANTS = (
    "ngram_numbers",
    "ngram_ratio",
    "ngram_weight",
    "head",
    "blend",
    "biases",
    "vectors",
    "kernel",
    "bias",
)
"""Outputs of the graph that are the same for every input; the last three are those of the convolution."""

WINDOWS_AT_ONCE = 64
"""Windows in one call: with fewer, the matrix products of the LSTM are slower."""


@dataclass(frozen=True)
class WideLstmEngine:
    """A graph that is ready to run, and the constants of what is computed outside of it."""

    session: Any
    """Maps ids [w, words], the convolution's outputs pooled [steps, w, channels], and states h and c [2, w, units] to
    highest and total [w, 2 units], steps [w], h and c."""
    convolution: Convolution
    sequence_length: int
    window: int
    step: int
    """Words that are pooled into one step of the LSTM."""
    after: int
    """Words after its own that a step reads, through the convolution."""
    vocabulary_size: int
    pad_h: NDArray[np.float32]
    """[steps, units] h before each step of a window that is all padding, read forwards."""
    pad_c: NDArray[np.float32]
    """[steps, units] c, likewise."""
    ngrams: NgramModel
    head: NDArray[np.float32]
    """[8 units] weights of the pooled values in the LSTM's logit."""
    blend: NDArray[np.float32]
    """[1 + 2k] weights, in the logit of the score, of the logits that `compute_logits` returns."""
    head_bias: float
    """Of the LSTM's logit."""
    bias: float
    """Of the logit of the score."""
    kernels: Kernels = field(default_factory=Kernels)

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews, as described in `models.graphs.engine_interface.Engine`."""
        logit = compute_logits(self, encoded) @ self.blend.astype(np.float64) + self.bias
        score: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
        return score


def load_wide_lstm_engine(opened: OpenGraph) -> WideLstmEngine | None:
    """Load the engine of a graph that `models.wide_lstm.export` made; return None for a graph of another kind.

    Raises `BundleError` for a graph of this kind that can't be used.
    """
    if "window" not in opened.geometry:
        return None
    with refuse_unusable_graph(opened.name):
        constants = _read_constants(opened)
        numbers, ratio, weight = (constants[name] for name in CONSTANTS[:3])
        convolution = make_convolution(
            constants["vectors"], constants["kernel"], constants["bias"], opened.geometry["step"]
        )
        pad_h, pad_c = _compute_padding_states(opened, convolution)
        head_bias, *ngram_bias, bias = constants["biases"].tolist()
        return WideLstmEngine(
            opened.session,
            convolution,
            **opened.geometry,
            pad_h=pad_h,
            pad_c=pad_c,
            ngrams=NgramModel(numbers, ratio, weight, np.array(ngram_bias)),
            head=constants["head"],
            blend=constants["blend"],
            head_bias=head_bias,
            bias=bias,
        )


def _read_constants(opened: OpenGraph) -> dict[str, NDArray[Any]]:
    """Return the outputs of the graph that are the same for every input, by their names."""
    shapes = {each.name: each.shape for each in opened.session.get_inputs()}
    sizes = {name: [size if isinstance(size, int) else 1 for size in shape] for name, shape in shapes.items()}
    sizes["ids"] = [1, opened.geometry["step"]]
    zeros = {name: np.zeros(size, np.int32 if name == "ids" else np.float32) for name, size in sizes.items()}
    return dict(zip(CONSTANTS, opened.session.run(list(CONSTANTS), zeros), strict=True))


def _compute_padding_states(opened: OpenGraph, convolution: Convolution) -> NDArray[np.float32]:
    """Return h and c, [2, steps, units], before each step of a window that is all padding, read forwards."""
    steps, step = opened.geometry["window"] // opened.geometry["step"], opened.geometry["step"]
    units = next(each.shape[-1] for each in opened.session.get_inputs() if each.name == "h")
    states = np.zeros((2, steps, units), np.float32)
    ids = np.zeros((1, step), np.int32)
    pooled = pool_words(convolution, ids)
    for number in range(1, steps):
        inputs = _make_inputs(ids, pooled, states[:, number - 1])
        states[:, number] = [state[0, 0] for state in opened.session.run(["h_out", "c_out"], inputs)]
    return states


def _make_inputs(
    ids: NDArray[np.int32], pooled: NDArray[np.float32], state: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """Return the graph's inputs for windows [w, words].

    The forward direction starts from the state [2, units], h and c, the backward direction from zeros.
    """
    h_and_c = np.zeros((2, 2, len(ids), state.shape[-1]), np.float32)
    h_and_c[:, 0] = state[:, None]
    return {"ids": ids, "pooled": pooled, "h": h_and_c[0], "c": h_and_c[1]}


def compute_logits(engine: WideLstmEngine, encoded: EncodedReviews) -> NDArray[np.float64]:
    """Return the logits [n, 1 + 2k] of n encoded reviews, in their order, on all cores; see `WideLstmEngine.score`.

    They are that of the LSTM, those of the n-grams of the whole review, by k weightings, and those of its last window.
    """
    engine = replace(engine, kernels=choose_kernels(len(encoded.offsets) - 1))

    def compute(frame: NDArray[np.int32], words: NDArray[np.int64]) -> NDArray[np.float64]:
        return _compute_frame_logits(engine, frame)

    return compute_in_batches(encoded, engine.sequence_length, len(engine.blend), compute)


def _compute_frame_logits(engine: WideLstmEngine, frame: NDArray[np.int32]) -> NDArray[np.float64]:
    """Run the engine on one batch of reviews: the graph, and what is computed outside of it; see `compute_logits`."""
    frame = _trim_padding(engine, frame)
    (highest, total, steps), review = _read_frame(engine, frame)
    first = np.flatnonzero(np.diff(review, prepend=-1))
    last = np.append(first[1:], len(review)) - 1
    pooled = [
        *_pool_outputs(
            np.maximum.reduceat(highest, first), np.add.reduceat(total, first), np.add.reduceat(steps, first)
        ),
        *_pool_outputs(highest[last], total[last], steps[last]),
    ]
    lstm = np.concatenate(pooled, axis=1) @ engine.head + engine.head_bias
    starts = (0, max(frame.shape[1] - engine.window, 0))
    ngrams = engine.kernels.compute_logits_from(engine.ngrams, frame, engine.vocabulary_size, starts)
    return np.concatenate([lstm.astype(np.float64)[:, None], *ngrams], axis=1)


def _trim_padding(engine: WideLstmEngine, frame: NDArray[np.int32]) -> NDArray[np.int32]:
    """Remove the leading steps that the engine can skip: they read no known word in any review. The last step stays."""
    known = np.flatnonzero(frame.any(axis=0))
    longest = frame.shape[1] - int(known[0]) if len(known) else 1
    whole, rest = divmod(longest - 1, engine.window)
    steps = -(-(rest + 1 + engine.after) // engine.step)
    length = whole * engine.window + min(steps * engine.step, engine.window)
    return frame[:, frame.shape[1] - length :]


def _read_frame(
    engine: WideLstmEngine, frame: NDArray[np.int32]
) -> tuple[list[NDArray[np.float32]], NDArray[np.integer[Any]]]:
    """Read the windows of reviews [n, length] that have known words; the first window may be shorter than the others.

    Returns the reader's outputs for w windows, highest and total [w, 2 units] and steps [w], and the review of each
    window, [w], rising. A review's windows are in order, and each review has at least one.
    """
    rest = frame.shape[1] % engine.window
    if not rest:
        windows, review = cut_windows(frame, engine.window)
        return _read_windows(engine, windows), review
    front, others = frame[:, :rest], frame[:, rest:]
    if not others.size:
        return _read_windows(engine, front), np.arange(len(frame))
    in_front = np.flatnonzero(front.any(axis=1))
    windows, review = cut_windows(others, engine.window)
    parts = zip(_read_windows(engine, front[in_front]), _read_windows(engine, windows), strict=True)
    of_review = np.concatenate([in_front, review])
    order = np.argsort(of_review, kind="stable")
    return [np.concatenate(part)[order] for part in parts], of_review[order]


def _read_windows(engine: WideLstmEngine, windows: NDArray[np.int32]) -> list[NDArray[np.float32]]:
    """Return the reader's outputs for windows [w, words]: highest and total [w, 2 units], and steps [w].

    The windows may lack leading steps; the reading then starts from the state that padding in those steps leaves.
    """
    skipped = (engine.window - windows.shape[1]) // engine.step
    state = np.stack([engine.pad_h[skipped], engine.pad_c[skipped]])
    parts: list[list[NDArray[np.float32]]] = []
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        some = windows[start : start + WINDOWS_AT_ONCE]
        inputs = _make_inputs(some, engine.kernels.pool_words(engine.convolution, some), state)
        parts.append(engine.session.run(["highest", "total", "steps"], inputs))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _pool_outputs(
    highest: NDArray[np.float32], total: NDArray[np.float32], steps: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the highest and the mean values of the engine's outputs, [n, 2 units] each; 0 if no known word is read."""
    counts = steps[:, None]
    return np.where(counts > 0, highest, 0), total / np.maximum(counts, 1)
