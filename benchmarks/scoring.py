"""How fast the scoring engine is, beside `model.predict` and ONNX Runtime on the same model and the same reviews.

    python -m benchmarks.scoring REVIEWS BUNDLE [BUNDLE ...] [--rows 4096] [--runs 5]

REVIEWS is a Parquet file with a column `text`. All run in turns in one process. Prints a Markdown table
for each bundle.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.pairs import find_ratios, take_turns
from docs.markdown import format_table
from models.bundle.folder import load_model
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer, score_texts
from models.graphs.session import open_graph
from models.list_of_kinds import export_model
from models.lstm.engine import find_inputs, load_lstm_engine
from models.tensorflow import load_tensorflow
from models.tokenizer import EncodedReviews, encode_reviews

PREDICT_ROWS = 256

Score = Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Times:
    """The time of one run in seconds: by the clock, and CPU time of all cores together."""

    wall: float
    processor: float


def main() -> None:
    """Measure each model and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reviews", type=Path)
    parser.add_argument("bundle", type=Path, nargs="+")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    load_tensorflow()
    texts = read_texts(arguments.reviews, arguments.rows)
    for folder in arguments.bundle:
        measure(folder, texts, arguments.runs)


def read_texts(path: Path, rows: int) -> list[str]:
    """Return `rows` texts, chosen at random with a fixed seed."""
    column = pq.read_table(path, columns=["text"])["text"]
    chosen = np.random.default_rng(0).permutation(len(column))[:rows]
    texts: list[str] = column.take(chosen).to_pylist()
    return texts


def measure(bundle: Path, texts: Sequence[str], runs: int) -> None:
    """Run all ways to score in turns; print the speed and the difference of scores of each beside the first."""
    model, scorer = load_model(bundle), load_scorer(bundle)
    encoded = encode_reviews(texts, scorer.word_ids, scorer.sequence_length)
    prepared: dict[str, Score | None] = {
        "`model.predict`, padded": prepare_predict(model, encoded),
        "ONNX Runtime, padded": prepare_padded(model, encoded),
        "the engine": lambda: scorer.predict(encoded),
        "the engine, from texts": lambda: score_texts(scorer, texts).score,
    }
    sides = {name: score for name, score in prepared.items() if score is not None}
    scores = {name: score() for name, score in sides.items()}  # compiles and warms up
    times = take_turns({name: partial(time_score, score) for name, score in sides.items()}, runs)
    first = next(iter(sides))
    rows = []
    for name in times:
        cells = []
        for kind in ("wall", "processor"):
            mine, others = ([getattr(each, kind) for each in times[side]] for side in (name, first))
            cells += [
                f"{len(texts) / statistics.median(mine):,.0f}",
                f"{statistics.median(find_ratios(others, mine)):.1f}",
            ]
        rows.append([name, *cells, f"{np.abs(scores[name] - scores[first]).max():.0e}"])
    print(f"\n`{read_facts(bundle)['variant']}`, {len(texts):,} reviews\n")
    columns = ["how", "reviews/s", "ratio", "reviews a CPU second", "ratio", "largest difference"]
    print(format_table(columns, rows), flush=True)


def time_score(score: Score) -> Times:
    """Return the time of one call, by the clock and by the processor."""
    wall, processor = perf_counter(), process_time()
    score()
    return Times(perf_counter() - wall, process_time() - processor)


def prepare_predict(model: Any, encoded: EncodedReviews) -> Score:
    """Prepare stock Keras: `model.predict` on padded ids."""
    padded = encoded.pad()
    return lambda: model.predict(padded, batch_size=PREDICT_ROWS, verbose=0)[:, 0]


def prepare_padded(model: Any, encoded: EncodedReviews) -> Score | None:
    """Prepare the model's graph on ONNX Runtime's own threads, on padded ids; None for a model that reads windows."""
    import onnxruntime

    graph, padded = export_model(model).graph or b"", encoded.pad()
    engine = load_lstm_engine(open_graph(graph))
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


if __name__ == "__main__":
    main()
