"""The engine: an exported graph and encoded reviews in, Keras's own scores out, only real words computed.

Reviews are padded in front with 0 and nothing is masked, so n padded steps leave the same state behind in every
review. Those states are computed once; a review starts from the one that its own padding leaves. Steps are
computed a few at a time, reviews of like length together; a shorter one joins where its words begin. Needs ONNX
Runtime, neither TensorFlow nor Keras. The graph is made by `models.lstm.export`.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import BundleError
from models.tokenizer import EncodedReviews

BATCH_ROWS = 64
"""Reviews that are computed side by side: more gain nothing, and the memory of a batch grows with them."""
SMALLEST_BATCH_ROWS = 16
"""Below this the products are too thin to be fast."""
BATCHES_A_THREAD = 4
"""Few reviews are cut into this many batches a thread, so that all end at about the same time."""
CHUNK_STEPS = 24
"""Steps of the recurrent layer in one call: their inputs stay in the cache of a core (2.5 MB with 100 units)."""
SAME_SCORE = 1e-5
"""Two scores of one text by one model differ by less than this, whatever computed them."""
GEOMETRY = "geometry"
"""The key under which a graph says its sequence length and reaches."""


@dataclass(frozen=True)
class Reach:
    """What a layer before the recurrent one sees: its output t reads t * stride - before .. t * stride + after.

    Beyond the ends of the sequence it sees zero vectors.
    """

    before: int
    after: int
    stride: int

    def input_range(self, start: int, stop: int) -> tuple[int, int]:
        """Give the inputs that the outputs `start` to `stop` (exclusive) read, beyond the ends too."""
        return start * self.stride - self.before, (stop - 1) * self.stride + self.after + 1

    def first_output(self, position: int) -> int:
        """Give the first output that reads the input at `position`."""
        return max(0, -((self.after - position) // self.stride))


@dataclass(frozen=True)
class Engine:
    """A graph that is ready to run, with the states that padding leaves behind."""

    session: Any
    """ids [n, time], padding of each reach, h and c [1, n, units] to score [n, 1], h and c."""
    sequence_length: int
    reaches: tuple[Reach, ...]
    pad_h: NDArray[np.float32]
    """[steps, units] the state before each step of a review that is all padding."""
    pad_c: NDArray[np.float32]

    @property
    def steps(self) -> int:
        """Steps of the recurrent layer in a whole review."""
        return len(self.pad_h)


@dataclass(frozen=True)
class OpenGraph:
    """An exported graph in ONNX Runtime, and what it says of itself."""

    name: str
    session: Any
    geometry: dict[str, Any]


def open_graph(graph: Path | bytes) -> OpenGraph:
    """Open an exported graph of any kind of model; one that can't be opened is a `BundleError`."""
    name = str(graph) if isinstance(graph, Path) else "the exported graph"
    with refuse_unusable(name):
        session = _open_session(graph.read_bytes() if isinstance(graph, Path) else graph)
        geometry = json.loads(session.get_modelmeta().custom_metadata_map[GEOMETRY])
        return OpenGraph(name, session, dict(geometry))


@contextmanager
def refuse_unusable(name: str) -> Iterator[None]:
    """Raise a `BundleError` that names the graph for whatever goes wrong inside."""
    try:
        yield
    except Exception as error:  # ONNX Runtime raises its own classes, one a status
        said = str(error).strip() or type(error).__name__
        raise BundleError(f"{name}: can't be used ({said.splitlines()[0]}).") from error


def load_engine(graph: Path | bytes | OpenGraph) -> Engine:
    """Load a graph that `models.lstm.export` made; one that can't be used is a `BundleError`."""
    opened = graph if isinstance(graph, OpenGraph) else open_graph(graph)
    with refuse_unusable(opened.name):
        session, length = opened.session, int(opened.geometry["sequence_length"])
        reaches = tuple(Reach(*numbers) for numbers in opened.geometry["reaches"])
        units = session.get_outputs()[1].shape[-1]
        states = [np.zeros((count_steps(reaches, length), units), np.float32) for _ in range(2)]
        return _follow_padding(Engine(session, length, reaches, *states))


def _open_session(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # the batches are what runs in parallel
    options.enable_mem_pattern = False  # it is for shapes that stay the same
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def count_steps(reaches: Sequence[Reach], length: int) -> int:
    """Count the steps of the recurrent layer in a sequence of `length` words."""
    for reach in reaches:
        length //= reach.stride
    return length


def _follow_padding(engine: Engine) -> Engine:
    """Give the engine with the state before each step of a review that is all padding."""
    pad_h, pad_c = engine.pad_h.copy(), engine.pad_c.copy()
    h, c = pad_h[None, :1], pad_c[None, :1]
    frame = np.zeros((1, engine.sequence_length), np.int32)
    for step in range(engine.steps - 1):
        _, h, c = _run_steps(engine, frame, step, step + 1, h, c)
        pad_h[step + 1], pad_c[step + 1] = h[0, 0], c[0, 0]
    return Engine(engine.session, engine.sequence_length, engine.reaches, pad_h, pad_c)


def score_reviews(engine: Engine, encoded: EncodedReviews) -> NDArray[np.float64]:
    """Score n encoded reviews, [n] P(positive) in their order, on all cores.

    They must be encoded with the engine's own sequence length, else a `ValueError`.
    """
    if encoded.length != engine.sequence_length:
        raise ValueError(f"the model reads {engine.sequence_length} words, the reviews have {encoded.length}")
    words = np.diff(encoded.offsets)
    scores = np.empty(len(words), np.float64)
    threads = count_cores()
    batches = cut_batches(words, threads)

    def score_into(rows: NDArray[np.intp]) -> None:
        scores[rows] = _score_batch(engine, encoded.pad(rows), words[rows])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(score_into, batches))
    return scores


def cut_batches(words: NDArray[np.int64], threads: int) -> list[NDArray[np.intp]]:
    """Put reviews of like length together, the longest first, in enough batches to keep all threads at work."""
    longest_first = np.argsort(-words, kind="stable")
    rows = min(BATCH_ROWS, max(SMALLEST_BATCH_ROWS, -(-len(words) // (BATCHES_A_THREAD * threads))))
    return [longest_first[start : start + rows] for start in range(0, len(words), rows)]


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _score_batch(engine: Engine, frame: NDArray[np.int32], words: NDArray[np.int64]) -> NDArray[np.float32]:
    """Score `frame` [n, length], ids padded in front, of which `words` [n] at the end count, longest first."""
    first_steps = np.array([_find_first_step(engine, int(count)) for count in words])
    units = engine.pad_h.shape[1]
    h, c = (np.empty((1, 0, units), np.float32) for _ in range(2))
    score = np.empty((0, 1), np.float32)
    for start, stop in _cut_steps(int(first_steps[0]), engine.steps):
        rows = int(np.searchsorted(first_steps, stop, side="left"))
        h, c = _join(h, engine.pad_h[start], rows), _join(c, engine.pad_c[start], rows)
        score, h, c = _run_steps(engine, frame[:rows], start, stop, h, c)
    return score[:, 0]


def _find_first_step(engine: Engine, words: int) -> int:
    """Give the first step that sees one of the last `words` ids; the last step where none does."""
    position = engine.sequence_length - words
    for reach in engine.reaches:
        position = reach.first_output(position)
    return min(position, engine.steps - 1)


def _cut_steps(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut the steps into chunks of about the same size, at most `CHUNK_STEPS`."""
    chunks = -(-(stop - start) // CHUNK_STEPS)
    edges = [start + (stop - start) * chunk // chunks for chunk in range(chunks + 1)]
    return pairwise(edges)


def _join(state: NDArray[np.float32], pad_state: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Append reviews whose words begin now, in the state that their padding left, up to `rows` in all."""
    joining = rows - state.shape[1]
    if not joining:
        return state
    return np.concatenate([state, np.broadcast_to(pad_state, (1, joining, len(pad_state)))], axis=1)


def _run_steps(
    engine: Engine,
    frame: NDArray[np.int32],
    start: int,
    stop: int,
    h: NDArray[np.float32],
    c: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Run the steps `start` to `stop` of the recurrent layer from a state; give score, h and c after them."""
    begin, end, pads = find_inputs(engine.reaches, engine.sequence_length, start, stop)
    feeds = {"ids": np.ascontiguousarray(frame[:, begin:end]), "h": h, "c": c}
    for position, (reach, (left, right)) in enumerate(zip(engine.reaches, pads, strict=True)):
        if reach.stride == 1:
            feeds[f"pads_{position}"] = np.array([0, 0, left, 0, 0, right], np.int64)
    score, h, c = engine.session.run(["score", "h_out", "c_out"], feeds)
    return score, h, c


def find_inputs(
    reaches: Sequence[Reach], length: int, start: int, stop: int
) -> tuple[int, int, list[tuple[int, int]]]:
    """Find the ids that the steps `start` to `stop` see: their range, and the zero vectors each reach adds.

    The zero vectors, (before, after) by reach, stand for what lies beyond the ends of the whole sequence.
    """
    lengths = [length]
    for reach in reaches:
        lengths.append(lengths[-1] // reach.stride)
    pads: list[tuple[int, int]] = []
    for reach, size in zip(reversed(reaches), reversed(lengths[:-1]), strict=True):
        wanted_start, wanted_stop = reach.input_range(start, stop)
        start, stop = max(wanted_start, 0), min(wanted_stop, size)
        pads.append((start - wanted_start, wanted_stop - stop))
    return start, stop, pads[::-1]
