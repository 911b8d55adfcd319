"""An epoch of training beside stock `fit` in plain Keras code, on the same batches of the real archive.

    python -m benchmarks.training HOME [--variants lstm cnn_lstm lstm_dropout] [--runs 5]

HOME has the reviews that `reviews ingest` wrote. The sides take turns, each from the same seed; an epoch is timed from
the end of its first batch, when everything is compiled and started, to the end of its last. Prints a Markdown table
with the medians, and how far the weights and the validation accuracies are apart after that epoch.
"""

import argparse
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.plain_keras import SEED_VARIANTS, build, load_rows
from benchmarks.ratios import spread
from models.lstm.shared_steps import share_steps
from models.tensorflow import load_tensorflow
from models.variants import find_variant

SEED = 0


def main() -> None:
    """Train each variant on both sides, in turns, and print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--variants", nargs="+", default=list(SEED_VARIANTS), choices=SEED_VARIANTS)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    load_tensorflow()
    rows = load_rows(arguments.home / "reviews")
    print(
        f"An epoch of {len(rows['train'][0]):,} reviews, medians of {arguments.runs} runs each:\n\n"
        "| variant | stock `fit` | ours | times faster | from | to | weights differ by | validation accuracy |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    for name in arguments.variants:
        pairs = [
            (train(name, rows, stock=True), train(name, rows, stock=False)) for _ in range(arguments.runs)
        ]
        ratios = [stock.seconds / ours.seconds for stock, ours in pairs]
        times = [median(side.seconds for side in sides) for sides in zip(*pairs, strict=True)]
        stock, ours = pairs[0]
        apart = max(float(np.abs(a - b).max()) for a, b in zip(stock.weights, ours.weights, strict=True))
        print(
            f"| `{name}` | {times[0]:.1f} s | {times[1]:.1f} s | {spread(ratios)} | "
            f"{apart:.0e} | {stock.accuracy:.4f}, ours {ours.accuracy:.4f} |",
            flush=True,
        )


@dataclass(frozen=True)
class Trained:
    """What an epoch took, in seconds, and what it came to."""

    seconds: float
    weights: list[NDArray[np.float32]]
    accuracy: float
    """On the reviews of the held-out titles."""


def train(name: str, rows: dict[str, Any], *, stock: bool) -> Trained:
    """Train a model from the seed for one epoch."""
    import keras

    keras.utils.set_random_seed(SEED)
    model = build(name) if stock else find_variant(name).build(find_variant(name))
    clock = _make_clock()
    with nullcontext(model) if stock else share_steps(model) as trained:
        trained.fit(*rows["train"], batch_size=64, epochs=1, verbose=0, callbacks=[clock])
    ids, positive = rows["validation"]
    scores = model.predict(ids, batch_size=256, verbose=0)[:, 0]
    return Trained(
        clock.stopped - clock.started, model.get_weights(), float(((scores >= 0.5) == positive).mean())
    )


def _make_clock() -> Any:
    import keras

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                self.started = perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.stopped = perf_counter()

    return Clock()


if __name__ == "__main__":
    main()
