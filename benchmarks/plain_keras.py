"""The peer: the seed variants in plain Keras code, as a user would write them; no code of `models/` is used.

Called by `benchmarks/seed_variants.py`; needs the Parquet files that `reviews ingest` writes.
"""

from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq


def tokenize(text: str) -> list[str]:
    """Lower case, `<br />` as a space, Keras's filter."""
    text = text.lower().replace("<br />", " ")
    for character in '!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n':
        text = text.replace(character, " ")
    return text.split()


def load_rows(parquet: Path) -> dict[str, Any]:
    """Encode the archive: 5,000 words, the last 500 of a review, a tenth of the titles for validation."""
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


def run(variant: str, seed: int, rows: dict[str, Any], epochs: int = 2) -> dict[str, Any]:
    """Train one variant with `fit`, keep the epoch with the lower validation loss, give its test accuracy."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    stacks = {
        "lstm": [layers.LSTM(100)],
        "lstm_dropout": [layers.Dropout(0.2), layers.LSTM(100), layers.Dropout(0.2)],
        "cnn_lstm": [
            layers.Conv1D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.LSTM(100),
        ],
    }
    model = keras.Sequential(
        [
            keras.Input((500,), dtype="int32"),
            layers.Embedding(5000, 32),
            *stacks[variant],
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    best, weights, losses = float("inf"), model.get_weights(), []
    started = perf_counter()
    for _ in range(epochs):
        history = model.fit(
            *rows["train"], batch_size=64, epochs=1, verbose=0, validation_data=rows["validation"]
        )
        losses.append(history.history["val_loss"][0])
        if losses[-1] < best:
            best, weights = losses[-1], model.get_weights()
    seconds = perf_counter() - started
    model.set_weights(weights)
    x_test, y_test = rows["test"]
    scores = model.predict(x_test, batch_size=256, verbose=0)[:, 0]
    accuracy = float(((scores >= 0.5) == (y_test >= 0.5)).mean())
    return {"test_accuracy": accuracy, "validation_losses": losses, "seconds": seconds}
