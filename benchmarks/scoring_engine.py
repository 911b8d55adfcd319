"""How fast the scoring engine is, beside `model.predict` and other ways to run the same model on the same reviews.

    python -m benchmarks.scoring_engine [--bundle FOLDER ...] [--reviews PARQUET] [--rows 4096] [--runs 5]

Without bundles it builds the seed variants with random weights; without Parquet it generates reviews of random words,
with lengths like those of the archive. All run in turns in one process, so that a busy machine slows all of them, and
their medians are compared. Prints Markdown tables.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.plain_keras import SEED_VARIANTS
from models.bundle.folder import GRAPH_FILE, load_model, load_vocabulary, write_bundle
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import make_scorer, score_texts
from models.graphs.session import open_graph
from models.list_of_kinds import export_model
from models.lstm.engine import LstmEngine, find_inputs, load_lstm_engine
from models.tensorflow import load_tensorflow
from models.tokenizer import EncodedReviews, Vocabulary, encode_reviews
from models.variants import find_variant

ROOT = Path(__file__).parents[1]
PREDICT_ROWS = 256
XLA_ROWS, XLA_STEPS = 512, 50
"""The batch size for XLA, and the multiple to which lengths are rounded up, as XLA compiles each shape once."""
START_UP = (
    "import sys, time; started = time.perf_counter(); from pathlib import Path\n"
    "from models.bundle.scorer import load_scorer, score_texts\n"
    "score_texts(load_scorer(Path(sys.argv[1])), ['a good film'])\n"
    "print(time.perf_counter() - started)"
)

Score = Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Subject:
    """A model and its vocabulary."""

    name: str
    model: Any
    vocabulary: Vocabulary


@dataclass(frozen=True)
class Times:
    """The time of one run in seconds: by the clock, and CPU time of all cores together."""

    wall: float
    processor: float


def main() -> None:
    """Measure each model and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, action="append", default=[], help="a bundle; may be repeated")
    parser.add_argument("--reviews", type=Path, help="Parquet with a column `text`")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write each side's ratio to the first one here")
    arguments = parser.parse_args()
    load_tensorflow()
    texts = read_texts(arguments.reviews, arguments.rows) if arguments.reviews else make_texts(arguments.rows)
    bundles = [
        Subject(read_facts(folder)["variant"], load_model(folder), load_vocabulary(folder))
        for folder in arguments.bundle
    ]
    subjects = [*bundles, *build_subjects(texts, {bundle.name for bundle in bundles})]
    ratios = {subject.name: measure(subject, texts, arguments.runs) for subject in subjects}
    if arguments.json:
        arguments.json.write_text(json.dumps(ratios), "utf-8")
    print_start_up(subjects[0], arguments.runs)


def read_texts(path: Path, rows: int) -> list[str]:
    """Return `rows` texts, chosen at random with a fixed seed."""
    column = pq.read_table(path, columns=["text"])["text"]
    chosen = np.random.default_rng(0).permutation(len(column))[:rows]
    texts: list[str] = column.take(chosen).to_pylist()
    return texts


def make_texts(rows: int) -> list[str]:
    """Return texts of random words, some of them frequent, with lengths distributed like the archive's reviews."""
    random = np.random.default_rng(0)
    counts = np.clip(random.lognormal(5.2, 0.65, rows), 10, 1500).astype(int)
    words = (6000 * random.random(counts.sum()) ** 3).astype(int)
    pieces = np.split(words, np.cumsum(counts)[:-1])
    return [" ".join(f"w{number}" for number in piece) for piece in pieces]


def build_subjects(texts: Sequence[str], known: set[str]) -> list[Subject]:
    """Build the seed variants that are not in `known`, with random weights large enough for different scores."""
    random = np.random.default_rng(0)
    vocabulary = Vocabulary(tuple(sorted({word for text in texts for word in text.lower().split()})[:4999]))
    subjects = [
        Subject(name, find_variant(name).build(find_variant(name)), vocabulary) for name in SEED_VARIANTS
    ]
    for subject in subjects:
        weights = [each + random.normal(0, 0.1, each.shape) for each in subject.model.get_weights()]
        subject.model.set_weights(weights)
    return [subject for subject in subjects if subject.name not in known]


def measure(subject: Subject, texts: Sequence[str], runs: int) -> dict[str, float]:
    """Run all ways to score in turns and print their medians; return their ratios by the clock."""
    word_ids, length = subject.vocabulary.ids(), int(subject.model.input_shape[1])
    encoded = encode_reviews(texts, word_ids, length)
    scorer = make_scorer(subject.name, export_model(subject.model), word_ids, length)
    prepared: dict[str, Score | None] = {
        "`model.predict`, padded": prepare_predict(subject.model, encoded),
        "ONNX Runtime, padded": prepare_padded(subject.model, encoded),
        "XLA, real lengths": prepare_xla(subject.model, encoded),
        "the engine": lambda: scorer.predict(encoded),
        "the engine, from texts": lambda: score_texts(scorer, texts).score,
    }
    sides = {name: score for name, score in prepared.items() if score is not None}
    scores = {name: score() for name, score in sides.items()}  # compiles and warms up
    times: dict[str, list[Times]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, score in sides.items():
            times[name].append(time_of(score))
    return print_table(subject, len(texts), times, scores)


def time_of(score: Score) -> Times:
    """Return the time of one call, by the clock and by the processor."""
    wall, processor = perf_counter(), process_time()
    score()
    return Times(perf_counter() - wall, process_time() - processor)


def print_table(
    subject: Subject, rows: int, times: dict[str, list[Times]], scores: dict[str, NDArray[Any]]
) -> dict[str, float]:
    """Print each way's speed, its ratio to the first way, and the largest difference of scores; return the ratios."""
    print(f"\n`{subject.name}`, {rows:,} reviews\n")
    print("| how | reviews/s | ratio | reviews a CPU second | ratio | largest difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    first, *_ = times
    by_clock: dict[str, float] = {}
    for name, taken in times.items():
        cells = []
        for kind in ("wall", "processor"):
            mine, others = ([getattr(each, kind) for each in side] for side in (taken, times[first]))
            ratio = statistics.median(a / b for a, b in zip(others, mine, strict=True))
            by_clock.setdefault(name, ratio)  # the clock comes first
            cells += [f"{rows / statistics.median(mine):,.0f}", f"{ratio:.1f}"]
        difference = np.abs(scores[name] - scores[first]).max()
        print(f"| {name} | {' | '.join(cells)} | {difference:.0e} |", flush=True)
    return by_clock


def prepare_predict(model: Any, encoded: EncodedReviews) -> Score:
    """Prepare stock Keras: `model.predict` on padded ids."""
    padded = encoded.pad()
    return lambda: model.predict(padded, batch_size=PREDICT_ROWS, verbose=0)[:, 0]


def load_whole(model: Any) -> LstmEngine | None:
    """Load the engine of a model that reads whole sequences; return None for a model that reads windows."""
    return load_lstm_engine(open_graph(export_model(model).graph or b""))


def prepare_padded(model: Any, encoded: EncodedReviews) -> Score | None:
    """Prepare the model's graph on ONNX Runtime's own threads, on padded ids; None for a model that reads windows."""
    import onnxruntime

    graph, padded, engine = export_model(model).graph, encoded.pad(), load_whole(model)
    if engine is None:
        return None
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    *_, pads = find_inputs(engine.receptive_fields, engine.sequence_length, 0, engine.steps)
    convolutions = {
        f"pads_{position}": np.array([0, 0, *pads[position][:1], 0, 0, *pads[position][1:]], np.int64)
        for position, field in enumerate(engine.receptive_fields)
        if field.stride == 1
    }
    units = engine.pad_h.shape[1]

    def score() -> NDArray[Any]:
        parts = []
        for start in range(0, len(padded), PREDICT_ROWS):
            ids = padded[start : start + PREDICT_ROWS]
            state = np.zeros((1, len(ids), units), np.float32)
            feeds = {"ids": ids, "h": state, "c": state, **convolutions}
            parts.append(session.run(["score"], feeds)[0][:, 0])
        return np.concatenate(parts)

    return score


def prepare_xla(model: Any, encoded: EncodedReviews) -> Score | None:
    """Prepare the recurrence compiled with XLA: table lookups for input products, sorted batches, two threads.

    It starts from the states after the padding, like the engine. Returns None for a model with convolutions or windows.
    """
    import tensorflow as tf

    engine = load_whole(model)
    if engine is None or engine.receptive_fields:
        return None
    embedding, kernel, recurrent, bias, head, head_bias = (tf.constant(each) for each in model.get_weights())
    table = tf.matmul(embedding, kernel) + bias

    def recur(ids: Any, h: Any, c: Any) -> Any:
        def step(time: Any, h: Any, c: Any) -> Any:
            i, f, new, o = tf.split(tf.gather(table, ids[time]) + tf.matmul(h, recurrent), 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(new)
            return time + 1, tf.sigmoid(o) * tf.tanh(c), c

        _, h, _ = tf.while_loop(lambda time, *_: time < len(ids), step, (0, h, c))
        return tf.sigmoid(tf.matmul(h, head) + head_bias)[:, 0]

    run = tf.function(recur, jit_compile=True)
    words = np.diff(encoded.offsets)
    order = np.argsort(-words, kind="stable")
    batches = [order[start : start + XLA_ROWS] for start in range(0, len(order), XLA_ROWS)]

    def score_batch(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        steps = min(max(-(-int(words[rows].max()) // XLA_STEPS), 1) * XLA_STEPS, engine.steps)
        ids = np.zeros((XLA_ROWS, steps), np.int32)
        ids[: len(rows)] = encoded.pad(rows)[:, engine.steps - steps :]
        state = [
            np.repeat(each[None, engine.steps - steps], XLA_ROWS, 0) for each in (engine.pad_h, engine.pad_c)
        ]
        found: NDArray[np.float32] = run(tf.constant(ids.T), *map(tf.constant, state)).numpy()[: len(rows)]
        return found

    def score() -> NDArray[Any]:
        scores = np.empty(len(words), np.float32)
        with ThreadPoolExecutor(2) as pool:
            scores[order] = np.concatenate(list(pool.map(score_batch, batches)))
        return scores

    return score


def print_start_up(subject: Subject, runs: int) -> None:
    """Print the seconds from the first import to the first score in a new process, for the engine and for Keras."""
    with tempfile.TemporaryDirectory() as folder:
        facts = {
            "model_id": subject.name,
            "hyper_parameters": {"sequence_length": int(subject.model.input_shape[1])},
            "fingerprints": {},
        }
        ours, keras = (
            write_bundle(Path(folder) / name, export_model(subject.model), subject.vocabulary, facts)
            for name in ("ours", "keras")
        )
        (keras / GRAPH_FILE).unlink()
        taken: dict[Path, list[float]] = {ours: [], keras: []}
        for _ in range(runs):
            for bundle, seconds in taken.items():
                command = [sys.executable, "-c", START_UP, str(bundle)]
                result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
                seconds.append(float(result.stdout))
    medians = [statistics.median(seconds) for seconds in taken.values()]
    print("\nImport, load and first score: the engine {:.2f} s, Keras {:.2f} s.".format(*medians))


if __name__ == "__main__":
    main()
