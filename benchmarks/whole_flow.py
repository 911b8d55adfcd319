"""How long `reviews score` takes for a large CSV, beside a plain script with pandas and Keras.

    python -m benchmarks.whole_flow HOME [--rows 100000] [--runs 5]

HOME has the archive's Parquet (`reviews ingest`) and a promoted model. The file has all reviews of the archive, also
unlabelled ones, repeated with a counter if more rows are needed. All run in turns, in new processes. The plain script
is what a user would write: `pandas.read_csv`, words to ids, `model.predict`, `to_parquet`; another one only reads and
writes. Prints a Markdown table, and of our side the share of the engine and the peak memory.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter

import duckdb

from benchmarks.commands import REVIEWS, copy_home, run_command, run_python, serve_benchmark
from benchmarks.pairs import find_ratios, list_spread, take_turns
from docs.markdown import format_table

SPLITS = ("test", "train", "unsup")

Figures = dict[str, float]


def main() -> None:
    """Write the file, time the programs in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve_benchmark(Path(folder, "prefect")) as server:
        csv = Path(folder, "reviews.csv")
        write_csv(arguments.home, csv, arguments.rows)
        alone = {name: value for name, value in server.items() if name != "PREFECT_API_URL"}
        sides: dict[str, Callable[[], Figures]] = {
            "ours": partial(time_command, arguments.home, csv, alone),
            "ours, server running": partial(time_command, arguments.home, csv, server),
            "engine": partial(run_side, "time_engine", arguments.home, csv),
            "plain script": partial(run_side, "run_plain_script", arguments.home, csv),
            "pandas": partial(run_side, "run_pandas", arguments.home, csv),
        }
        taken = take_turns(sides, arguments.runs)
        print(f"{arguments.rows:,} reviews in one CSV of {csv.stat().st_size / 2**20:,.0f} MiB\n")
    print_figures(taken)


def print_figures(taken: Mapping[str, list[Figures]]) -> None:
    """Print the ratios of the sides, the share of the engine and the peaks of memory."""

    def list_seconds(side: str, kind: str) -> list[float]:
        return [figures[kind] for figures in taken[side]]

    ours, engine = list_seconds("ours", "after start-up"), list_seconds("engine", "engine")
    outside = [whole_flow - alone for whole_flow, alone in zip(ours, engine, strict=True)]
    plain = {kind: list_seconds("plain script", kind) for kind in ("after start-up", "from process start")}
    whole = "from process start"
    ratios = {
        "plain script / ours, after start-up": find_ratios(plain["after start-up"], ours),
        f"plain script / ours, {whole}": find_ratios(plain[whole], list_seconds("ours", whole)),
        f"plain script / ours, {whole}, Prefect's server running": find_ratios(
            plain[whole], list_seconds("ours, server running", whole)
        ),
        "ours outside the engine / `pandas.read_csv` + `to_parquet`": find_ratios(
            outside, list_seconds("pandas", "after start-up")
        ),
    }
    print(
        format_table(
            ["what", "ratio", "from", "to"], [[name, *list_spread(each)] for name, each in ratios.items()]
        )
    )
    share = statistics.median(find_ratios(engine, ours))
    peaks = {side: statistics.median(list_seconds(side, "peak GiB")) for side in ("ours", "plain script")}
    print(f"\nThe engine takes {share:.0%} of the time after start-up. ", end="")
    print("Peak memory: ours {ours:.2f} GiB, the plain script {plain script:.2f} GiB.".format(**peaks))


def write_csv(home: Path, path: Path, rows: int) -> None:
    """Write `rows` reviews of the archive as one CSV; repeated texts get a counter."""
    files = ", ".join(f"'{home}/reviews/{split}.parquet'" for split in SPLITS)
    texts = f"SELECT text, movie_id, row_number() OVER () - 1 AS number FROM read_parquet([{files}])"
    with duckdb.connect(config={"enable_progress_bar": False}) as connection:  # it would be printed
        connection.execute(
            f"COPY (SELECT 'r' || (number + copy * total) AS review_id, movie_id, "
            f"CASE WHEN copy = 0 THEN text ELSE text || ' ' || copy END AS review "
            f"FROM ({texts}), (SELECT (SELECT count(*) FROM ({texts})) AS total), "
            f"range({rows // 1000 + 1}) AS copies(copy) "
            f"WHERE number + copy * total < {rows}) TO '{path}' (HEADER)"
        )


def time_command(home: Path, csv: Path, environment: Mapping[str, str]) -> Figures:
    """Return the seconds of the process of `reviews score FILE`, those of its flow, and its memory.

    Without the address of a server in the environment, the command starts a temporary one.
    """
    with copy_home(home) as own:
        # Without the report, which is written when the rows are committed and published.
        settings = {"REVIEWS_HOME": str(own), "REVIEWS_REPORTS": "false"}
        started = perf_counter()
        peak = run_command(
            [str(REVIEWS), "score", str(csv)], {**os.environ, **environment, **settings}
        ).ru_maxrss
        took = perf_counter() - started
        query = "SELECT epoch(ended_at - started_at) FROM runs WHERE flow = 'score-reviews' ORDER BY ended_at DESC"
        with duckdb.connect(str(own / "reviews.duckdb"), read_only=True) as connection:
            [(flow,), *_] = connection.sql(query).fetchall()
    return {"from process start": took, "after start-up": flow, "peak GiB": peak / 2**20}


def run_side(function: str, home: Path, csv: Path) -> Figures:
    """Run a function of this module in a process of its own; return its figures and the seconds of the process."""
    started = perf_counter()
    code = f"from benchmarks.whole_flow import {function}, print_side; print_side({function})"
    figures: Figures = json.loads(run_python(code, home, csv))
    return {**figures, "from process start": perf_counter() - started}


def print_side(function: Callable[[Path, Path], Figures]) -> None:
    """Run a function on the two paths of the command line and print its figures."""
    figures = function(Path(sys.argv[1]), Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak GiB": peak, **figures}))


def find_bundle(home: Path) -> Path:
    """Return the bundle of the champion."""
    from tasks.warehouse.model_registry import find_champion

    champion = find_champion(home / "reviews.duckdb")
    assert champion is not None
    return home / "bundles" / champion.model_id


def time_engine(home: Path, csv: Path) -> Figures:
    """Return the seconds of the engine alone, in chunks of reviews as a run scores them."""
    import pandas as pd

    from models.bundle.scorer import load_scorer
    from models.tokenizer import encode_reviews
    from tasks.scoring.chunks import CHUNK_ROWS

    scorer, texts = load_scorer(find_bundle(home)), pd.read_csv(csv)["review"].tolist()
    seconds = 0.0
    for start in range(0, len(texts), CHUNK_ROWS):
        chunk = texts[start : start + CHUNK_ROWS]
        encoded = encode_reviews(chunk, scorer.word_ids, scorer.sequence_length)
        started = perf_counter()
        scorer.predict(encoded)
        seconds += perf_counter() - started
    return {"engine": seconds}


def run_plain_script(home: Path, csv: Path) -> Figures:
    """Run the plain script; return its seconds after the imports."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import numpy as np
    import pandas as pd

    folder = find_bundle(home)
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    words = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    started = perf_counter()
    frame = pd.read_csv(csv)
    tokenizer = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n', " "))
    ids = {word: position for position, word in enumerate(words, start=1)}
    encoded = np.zeros((len(frame), 500), np.int32)
    for row, text in enumerate(frame["review"]):
        split = text.lower().replace("<br />", " ").translate(tokenizer).split()
        found = [ids.get(word, 0) for word in split][-500:]
        if found:
            encoded[row, -len(found) :] = found
    frame["score"] = model.predict(encoded, batch_size=256, verbose=0)[:, 0]
    frame.to_parquet(csv.with_suffix(".parquet"))
    return {"after start-up": perf_counter() - started}


def run_pandas(_: Path, csv: Path) -> Figures:
    """Read the CSV and write it as Parquet with pandas; return the seconds."""
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_parquet(csv.with_suffix(".warm-up"))
    started = perf_counter()
    pd.read_csv(csv).to_parquet(csv.with_suffix(".parquet"))
    return {"after start-up": perf_counter() - started}


if __name__ == "__main__":
    main()
