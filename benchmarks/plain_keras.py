"""The seed variants in plain Keras code, as a user would write them, for comparison; it uses no code of `models/`.

    python -m benchmarks.plain_keras REVIEWS VARIANT SEED

Trains one variant with stock `fit` on the Parquet files of `reviews ingest` in the folder REVIEWS, and prints its
seconds and accuracy as JSON. `benchmarks/variants.py` calls it.
"""

import argparse
import json
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq

SEED_VARIANTS = ("lstm", "lstm_dropout", "cnn_lstm")


def main() -> None:
    """Train one variant and print its figures as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reviews", type=Path)
    parser.add_argument("variant", choices=SEED_VARIANTS)
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    found = run(arguments.variant, arguments.seed, load_rows(arguments.reviews))
    print(json.dumps({"variant": arguments.variant, "seed": arguments.seed, **found}))


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words: HTML breaks and Keras's filter characters count as spaces."""
    text = re.sub("<br */?>", " ", text.lower())
    for character in '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n':
        text = text.replace(character, " ")
    return [word for word in text.split(" ") if word]


def load_rows(parquet: Path) -> dict[str, Any]:
    """Load and encode the reviews: 5,000 words, the last 500 of a review, a tenth of the titles for validation.

    Returns ids [n, 500] and labels [n] for each split.
    """
    train = pq.read_table(parquet / "train.parquet").to_pydict()
    test = pq.read_table(parquet / "test.parquet").to_pydict()
    titles = sorted(set(train["movie_id"]), key=lambda title: sha256(title.encode()).digest())
    held_out = set(titles[: round(len(titles) / 10)])
    held = np.array([title in held_out for title in train["movie_id"]])
    tokens = [tokenize(text) for text in train["text"]]
    counts: dict[str, int] = {}
    for words, is_held in zip(tokens, held, strict=True):
        if not is_held:
            for word in words:
                counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:4999]
    ids = {word: rank + 1 for rank, word in enumerate(ranked)}

    def pad(rows: list[list[str]]) -> np.ndarray[Any, Any]:
        out = np.zeros((len(rows), 500), "int32")
        for row, words in enumerate(rows):
            sequence = [ids.get(word, 0) for word in words][-500:]
            if sequence:
                out[row, -len(sequence) :] = sequence
        return out

    x, y = pad(tokens), np.array([label == "pos" for label in train["label"]], "float32")
    x_test = pad([tokenize(text) for text in test["text"]])
    y_test = np.array([label == "pos" for label in test["label"]], "float32")
    return {
        "train": (x[~held], y[~held]),
        "validation": (x[held], y[held]),
        "test": (x_test, y_test),
    }


def build(variant: str) -> Any:
    """Build and compile the layers of a seed variant, as in docs/design.md."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((500,), dtype="int32"), layers.Embedding(5000, 32)])
    if variant == "cnn_lstm":
        model.add(layers.Conv1D(32, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling1D(2))
    if variant == "lstm_dropout":
        model.add(layers.Dropout(0.2))
    model.add(layers.LSTM(100))
    if variant == "lstm_dropout":
        model.add(layers.Dropout(0.2))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def run(variant: str, seed: int, rows: dict[str, Any], epochs: int = 2) -> dict[str, Any]:
    """Train one variant with `fit`, keep the epoch with the lowest validation loss, and return its figures."""
    import keras

    keras.utils.set_random_seed(seed)
    model = build(variant)
    with tempfile.TemporaryDirectory() as folder:
        best = Path(folder) / "best.weights.h5"
        keep = keras.callbacks.ModelCheckpoint(
            best, monitor="val_loss", save_best_only=True, save_weights_only=True
        )
        started = perf_counter()
        history = model.fit(
            *rows["train"],
            batch_size=64,
            epochs=epochs,
            verbose=0,
            validation_data=rows["validation"],
            callbacks=[keep],
        )
        seconds = perf_counter() - started
        model.load_weights(best)
    x_test, y_test = rows["test"]
    scores = model.predict(x_test, batch_size=256, verbose=0)[:, 0]
    accuracy = float(((scores >= 0.5) == (y_test >= 0.5)).mean())
    return {"test_accuracy": accuracy, "validation_losses": history.history["val_loss"], "seconds": seconds}


if __name__ == "__main__":
    main()
