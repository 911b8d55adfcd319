"""The engine of the LSTM kind: computes Keras's scores of encoded reviews from an exported graph, without padding.

Reviews are padded in front with 0 and nothing is masked, so n padded steps lead to the same state in every review.
The engine computes these states once and starts each review from the state after its padding. It computes a few steps
at a time for reviews of similar length together; a shorter review joins at its first word. Needs ONNX Runtime, neither
TensorFlow nor Keras. `models.lstm.export` makes the graph.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.graphs.batches import compute_in_batches
from models.graphs.session import OpenGraph, refuse_unusable_graph
from models.tokenizer import EncodedReviews

CHUNK_STEPS = 24
"""Steps of the recurrent layer in one call: few enough that their inputs fit a core's cache (2.5 MB at 100 units)."""
RECEPTIVE_FIELDS = "reaches"
"""The key of the receptive fields in the graph's geometry; every graph of this kind has it."""

State = tuple[NDArray[np.float32], NDArray[np.float32]]
"""The recurrent layer's h and c, [1, n, units] each."""


@dataclass(frozen=True)
class ReceptiveField:
    """Which inputs each output of a layer before the recurrent one reads.

    Output t reads the inputs t * stride - before to t * stride + after. Beyond the ends of the sequence it reads zero
    vectors.
    """

    before: int
    after: int
    stride: int

    def input_range(self, start: int, stop: int) -> tuple[int, int]:
        """Return the range of inputs that the outputs `start` to `stop` (exclusive) read; may exceed the sequence."""
        return start * self.stride - self.before, (stop - 1) * self.stride + self.after + 1

    def first_output(self, position: int) -> int:
        """Return the first output that reads the input at `position`."""
        return max(0, -((self.after - position) // self.stride))


@dataclass(frozen=True)
class LstmEngine:
    """A graph that is ready to run, with the states after each number of padded steps."""

    session: Any
    """Maps ids [n, time], the padding of each convolution, h and c [1, n, units] to score [n, 1], h and c."""
    sequence_length: int
    receptive_fields: tuple[ReceptiveField, ...]
    """One for each layer before the recurrent one, in order."""
    pad_h: NDArray[np.float32]
    """[steps, units] the h before each step of a review that is all padding."""
    pad_c: NDArray[np.float32]
    """[steps, units] likewise the c."""

    @property
    def steps(self) -> int:
        """Number of steps of the recurrent layer in a whole review."""
        return len(self.pad_h)

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews; see `models.graphs.engine_interface.Engine.score`."""
        return compute_in_batches(encoded, self.sequence_length, 1, partial(_score_batch, self))[:, 0]


def load_lstm_engine(opened: OpenGraph) -> LstmEngine | None:
    """Load the engine of a graph that `models.lstm.export` made; return None for a graph of another kind.

    Raises `BundleError` for a graph of this kind that can't be used.
    """
    if RECEPTIVE_FIELDS not in opened.geometry:
        return None
    with refuse_unusable_graph(opened.name):
        session, length = opened.session, int(opened.geometry["sequence_length"])
        fields = tuple(ReceptiveField(*numbers) for numbers in opened.geometry[RECEPTIVE_FIELDS])
        units = session.get_outputs()[1].shape[-1]
        states = [np.zeros((count_steps(fields, length), units), np.float32) for _ in range(2)]
        return _follow_padding(LstmEngine(session, length, fields, *states))


def count_steps(fields: Sequence[ReceptiveField], length: int) -> int:
    """Count the steps of the recurrent layer in a sequence of `length` words."""
    for field in fields:
        length //= field.stride
    return length


def _follow_padding(engine: LstmEngine) -> LstmEngine:
    """Return the engine with `pad_h` and `pad_c` computed, by running a review that is all padding."""
    pad_h, pad_c = engine.pad_h.copy(), engine.pad_c.copy()
    state: State = (pad_h[None, :1], pad_c[None, :1])
    frame = np.zeros((1, engine.sequence_length), np.int32)
    for step in range(engine.steps - 1):
        _, state = _run_steps(engine, frame, step, step + 1, state)
        pad_h[step + 1], pad_c[step + 1] = (part[0, 0] for part in state)
    return replace(engine, pad_h=pad_h, pad_c=pad_c)


def _score_batch(
    engine: LstmEngine, frame: NDArray[np.int32], words: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score reviews given as ids, `frame` [n, length], padded in front; return P(positive) [n, 1].

    `words` [n] is the number of ids at the end of each row that are not padding; the longest review comes first.
    """
    first_steps = np.array([_find_first_step(engine, int(count)) for count in words])
    no_reviews = np.empty((1, 0, engine.pad_h.shape[1]), np.float32)
    state: State = (no_reviews, no_reviews)
    score = np.empty((0, 1), np.float32)
    for start, stop in _cut_steps(int(first_steps[0]), engine.steps):
        rows = int(np.searchsorted(first_steps, stop, side="left"))
        state = (
            _join_states(state[0], engine.pad_h[start], rows),
            _join_states(state[1], engine.pad_c[start], rows),
        )
        score, state = _run_steps(engine, frame[:rows], start, stop, state)
    return score


def _find_first_step(engine: LstmEngine, words: int) -> int:
    """Return the first step for the engine to run: the first that reads one of the last `words` ids, else the last."""
    position = engine.sequence_length - words
    for field in engine.receptive_fields:
        position = field.first_output(position)
    return min(position, engine.steps - 1)


def _cut_steps(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut the steps into chunks of about the same size, at most `CHUNK_STEPS`."""
    chunks = -(-(stop - start) // CHUNK_STEPS)
    edges = [start + (stop - start) * chunk // chunks for chunk in range(chunks + 1)]
    return pairwise(edges)


def _join_states(part: NDArray[np.float32], pad_part: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Append to h or c the reviews whose first word is read now, up to `rows` in all.

    `pad_part` [units] is their state: h or c after the padding.
    """
    joining = rows - part.shape[1]
    if not joining:
        return part
    return np.concatenate([part, np.broadcast_to(pad_part, (1, joining, len(pad_part)))], axis=1)


def _run_steps(
    engine: LstmEngine, frame: NDArray[np.int32], start: int, stop: int, state: State
) -> tuple[NDArray[np.float32], State]:
    """Run the steps `start` to `stop` (exclusive) from a state; return the scores [n, 1] and the new state."""
    begin, end, pads = find_inputs(engine.receptive_fields, engine.sequence_length, start, stop)
    feeds = {"ids": np.ascontiguousarray(frame[:, begin:end]), "h": state[0], "c": state[1]}
    for position, (field, (left, right)) in enumerate(zip(engine.receptive_fields, pads, strict=True)):
        if field.stride == 1:
            feeds[f"pads_{position}"] = np.array([0, 0, left, 0, 0, right], np.int64)
    score, h, c = engine.session.run(["score", "h_out", "c_out"], feeds)
    return score, (h, c)


def find_inputs(
    fields: Sequence[ReceptiveField], length: int, start: int, stop: int
) -> tuple[int, int, list[tuple[int, int]]]:
    """Return the range of ids that the steps `start` to `stop` (exclusive) read, and the padding of each layer.

    The padding of a layer is its number of zero vectors (before, after), which replace inputs beyond the ends of the
    whole sequence.
    """
    lengths = [length]
    for field in fields:
        lengths.append(lengths[-1] // field.stride)
    pads: list[tuple[int, int]] = []
    for field, size in zip(reversed(fields), reversed(lengths[:-1]), strict=True):
        first, end = field.input_range(start, stop)
        start, stop = max(first, 0), min(end, size)
        pads.append((start - first, end - stop))
    return start, stop, pads[::-1]
