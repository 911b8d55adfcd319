"""How much the engine's scores differ from those of `model.predict`, on reviews and on random ids of every length.

    python -m benchmarks.same_scores BUNDLE [BUNDLE ...] --reviews test.parquet

The reference is stock `model.predict(batch_size=256)` with padding to 500 words. Scores all reviews of the file, then
10,000 random sequences of ids, whose lengths cycle from 0 to 700 (the last 500 ids count). Prints a Markdown table.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from models.bundle.folder import load_model, load_vocabulary
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import load_scorer
from models.tensorflow import load_tensorflow
from models.tokenizer import EncodedReviews, encode_reviews

SEQUENCES, LONGEST = 10_000, 700


def main() -> None:
    """Compare the engine with Keras for each bundle on both sets, and print the largest differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, nargs="+")
    parser.add_argument("--reviews", type=Path, required=True)
    arguments = parser.parse_args()
    load_tensorflow()
    texts = pq.read_table(arguments.reviews, columns=["text"])["text"].to_pylist()
    print(
        f"| model | largest difference, {len(texts):,} reviews | {SEQUENCES:,} sequences of 0 to {LONGEST} ids |\n"
        "| --- | ---: | ---: |"
    )
    for folder in arguments.bundle:
        length = read_facts(folder)["hyper_parameters"]["sequence_length"]
        words = load_vocabulary(folder).ids()
        sets = encode_reviews(texts, words, length), make_sequences(len(words) + 1, length)
        model, scorer = load_model(folder), load_scorer(folder)
        differences = [find_difference(model, scorer, encoded) for encoded in sets]
        print(
            f"| `{read_facts(folder)['variant']}` | {differences[0]:.1e} | {differences[1]:.1e} |", flush=True
        )


def make_sequences(vocabulary_size: int, length: int) -> EncodedReviews:
    """Return random sequences of ids, with unknown words (0), whose lengths cycle from 0 to `LONGEST`."""
    random = np.random.default_rng(0)
    count = np.arange(SEQUENCES, dtype=np.int32) % (LONGEST + 1)
    kept = np.minimum(count, length)
    ids = random.integers(0, vocabulary_size, kept.sum(), dtype=np.int32)
    offsets = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return EncodedReviews(ids, offsets, length, count, np.zeros(SEQUENCES, np.float32), count > length)


def find_difference(model: Any, scorer: Any, encoded: EncodedReviews) -> float:
    """Return the largest absolute difference between the engine's scores and Keras's."""
    expected = model.predict(encoded.pad(), batch_size=256, verbose=0)[:, 0]
    return float(np.abs(scorer.predict(encoded) - expected).max())


if __name__ == "__main__":
    main()
