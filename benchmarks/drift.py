"""How often drift is reported for runs with drift and for runs without, on the real archive's test split.

    python -m benchmarks.drift HOME [--model MODEL_ID] [--samples 200]

HOME has the reviews that `reviews ingest` wrote, and a model. Random samples of the test split stand for runs without
drift, which should not be flagged. Four kinds of runs should be flagged: reviews of kettles, German reviews, only
positive reviews, and reviews cut to their first 40 words. Prints a Markdown table of the share of flagged runs.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from data_contracts.warehouse import list_migrations, read_views
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import ScoredTexts, Scorer, load_scorer, score_texts
from tasks.archive.parquet_files import read_split
from tasks.warehouse.model_registry import list_models, record_reference
from tasks.warehouse.tallies.score_sums import rebuild_sums

SIZES = (50, 200, 500, 2000)
KEPT_WORDS = 40
KETTLES = (
    "I bought this kettle in March and it boils a litre in under three minutes.",
    "The lid sticks a little, so pouring with one hand takes practice.",
    "Descaling it once a month is enough with our hard water.",
    "The cable is short; ours barely reaches the socket behind the toaster.",
    "It switches itself off reliably, even when it is nearly empty.",
    "After a year the handle came loose and the seller sent a new one.",
    "The filter keeps limescale out of the cup.",
    "Two cups is the smallest amount that it will heat.",
    "It is quieter than our old one, though not silent.",
    "The base turns all the way round, which suits a left-handed household.",
    "I would have liked a light that shows when it is on.",
    "Cleaning the spout needs a bottle brush.",
    "The steel shows every fingerprint.",
    "For the price there is nothing to complain about.",
)
GERMAN = (
    "Der Film beginnt langsam, aber nach einer halben Stunde will man nicht mehr weg.",
    "Die Hauptdarstellerin spielt ihre Rolle mit viel Gefühl und ohne Kitsch.",
    "Leider ist die Geschichte am Ende so verworren, dass keiner mehr mitkommt.",
    "Wir haben im Kino selten so gelacht wie an diesem Abend.",
    "Die Musik ist laut, die Dialoge sind dünn, und der Schnitt macht müde.",
    "Wer das Buch kennt, wird manche Szene vermissen.",
    "Ein stiller, kluger Film über zwei Brüder und ihren Vater.",
    "Für Kinder unter zehn Jahren ist das nichts.",
    "Die Bilder sind großartig, und der Regisseur lässt ihnen Zeit.",
    "Ich bin nach der Pause gegangen und habe es nicht bereut.",
    "Man merkt, dass das Geld nicht gereicht hat.",
    "Am Schluss hat der halbe Saal geweint, ich auch.",
)

Choose = Callable[[np.random.Generator, int], list[str]]


def main() -> None:
    """Score samples of each kind and print the share that is flagged."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--model", help="the model to use [default: the newest that has a reference]")
    parser.add_argument("--samples", type=int, default=200)
    arguments = parser.parse_args()
    home = arguments.home.absolute()
    model_id = arguments.model or list_models(home / "reviews.duckdb")[0]["model_id"]
    scorer, reference = (
        load_scorer(home / "bundles" / model_id),
        read_facts(home / "bundles" / model_id)["reference"],
    )
    test = read_split(home / "reviews", "test", ["text", "label"])
    kinds = list_kinds(test["text"].to_pylist(), test["label"].to_pylist())
    print(f"`{model_id}`, share of {arguments.samples} runs of each size that are flagged:\n")
    print(f"| what a run holds | {' | '.join(f'{size:,} reviews' for size in SIZES)} |")
    print(f"| --- |{' ---: |' * len(SIZES)}")
    for kind, choose in kinds.items():
        generator, shares = np.random.default_rng(0), []
        for size in SIZES:
            texts = [choose(generator, size) for _ in range(arguments.samples)]
            shares.append(measure_flagged(model_id, reference, score_all(scorer, texts), size))
        print(f"| {kind} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


def list_kinds(texts: Sequence[str], labels: Sequence[str]) -> dict[str, Choose]:
    """Return the functions that draw the texts of one run, by the name of the kind."""
    positive = [text for text, label in zip(texts, labels, strict=True) if label == "pos"]
    cut = [" ".join(text.split()[:KEPT_WORDS]) for text in texts]

    def draw(pool: Sequence[str]) -> Choose:
        return lambda generator, size: [
            pool[place] for place in generator.choice(len(pool), size, replace=False)
        ]

    def compose(sentences: Sequence[str]) -> Choose:
        return lambda generator, size: [
            " ".join(generator.choice(sentences, generator.integers(4, len(sentences)), replace=False))
            for _ in range(size)
        ]

    return {
        "random reviews of the test split": draw(texts),
        "positive reviews alone": draw(positive),
        f"their first {KEPT_WORDS} words": draw(cut),
        "reviews of kettles": compose(KETTLES),
        "German reviews": compose(GERMAN),
    }


def score_all(scorer: Scorer, runs: Sequence[Sequence[str]]) -> ScoredTexts:
    """Score the texts of all runs as one sequence; each distinct text is computed once."""
    return score_texts(scorer, [text for run in runs for text in run])


def measure_flagged(model_id: str, reference: Mapping[str, Any], scored: ScoredTexts, size: int) -> float:
    """Return the share of runs, of `size` scored texts each, that the view `drift` flags in any measure."""
    rows = len(scored.score)
    table = pa.table(
        {
            "source_sha256": ["s"] * rows,
            "row_number": np.arange(rows),
            "model_id": [model_id] * rows,
            "score": scored.score,
            "sentiment": ["positive"] * rows,
            "predicted_rating": np.full(rows, 5.0),
            "token_count": scored.token_count,
            "oov_rate": scored.oov_rate,
            "truncated": scored.truncated,
            "run_id": [str(row // size) for row in range(rows)],
        }
    )
    with duckdb.connect() as connection:
        for migration in list_migrations():
            connection.execute(migration.sql)
        connection.execute(read_views())
        record_reference(connection, model_id, reference)
        connection.register("samples", table)
        connection.execute("INSERT INTO scored_reviews BY NAME SELECT *, now() AS scored_at FROM samples")
        rebuild_sums(connection)
        query = "SELECT count(DISTINCT run_id) FILTER (drifted) / count(DISTINCT run_id) FROM drift"
        ((share,),) = connection.execute(query).fetchall()
    return float(share)


if __name__ == "__main__":
    main()
