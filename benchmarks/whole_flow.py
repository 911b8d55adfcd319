"""`reviews score` of one large CSV beside a plain script with pandas and Keras, on the same file and model.

    python -m benchmarks.whole_flow HOME [--rows 100000] [--runs 5] [--only-ours]

HOME has the archive's Parquet (`reviews ingest`) and a promoted model. The file has all its reviews, unlabelled ones
too, repeated with a counter where more rows are asked for. The sides take turns, each run in new processes; the
plain script is the program that a user would write: `pandas.read_csv`, words to ids, `model.predict`, `to_parquet`.
Prints Markdown tables.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import duckdb

ROOT = Path(__file__).parents[1]
REVIEWS = Path(sys.executable).with_name("reviews")
SPLITS = ("test", "train", "unsup")


def main() -> None:
    """Make the file, time both sides in turn, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only-ours", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "reviews.csv"
        write_csv(arguments.home, csv, arguments.rows)
        sides: dict[str, Callable[[], dict[str, float]]] = {
            "stages": lambda: run_python("_measure_stages", arguments.home, csv),
            "command": lambda: time_command(arguments.home, csv),
        }
        if not arguments.only_ours:
            sides["plain script"] = lambda: run_python("_run_plain_script", arguments.home, csv)
            sides["pandas alone"] = lambda: run_python("_run_pandas", arguments.home, csv)
        runs = [{name: side() for name, side in sides.items()} for _ in range(arguments.runs)]
    print(f"{arguments.rows:,} reviews, medians of {arguments.runs} runs\n")
    for name in sides:
        figures = {key: statistics.median(run[name][key] for run in runs) for key in runs[0][name]}
        print(f"{name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in figures.items()))


def write_csv(home: Path, path: Path, rows: int) -> None:
    """Write the archive's reviews as one CSV, with a counter in the texts that repeat."""
    files = ", ".join(f"'{home}/reviews/{split}.parquet'" for split in SPLITS)
    texts = f"SELECT text, movie_id, row_number() OVER () - 1 AS number FROM read_parquet([{files}])"
    again = f"SELECT count(*) FROM ({texts})"
    duckdb.sql(
        f"COPY (SELECT 'r' || (number + copy * total) AS review_id, movie_id, "
        f"CASE WHEN copy = 0 THEN text ELSE text || ' ' || copy END AS review "
        f"FROM ({texts}), (SELECT ({again}) AS total), range({rows // 1000 + 1}) AS copies(copy) "
        f"WHERE number + copy * total < {rows}) TO '{path}' (HEADER)"
    )


def run_python(function: str, home: Path, csv: Path) -> dict[str, float]:
    """Run a function of this module in a process of its own; give its figures and the whole time, s."""
    code = f"from benchmarks.whole_flow import {function}, main_of; main_of({function})"
    started = perf_counter()
    command = [sys.executable, "-c", code, str(home), str(csv)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "from process start": perf_counter() - started}


def main_of(function: Callable[[Path, Path], dict[str, float]]) -> None:
    """Run a function on the two paths of the command line and print its figures."""
    figures = function(Path(sys.argv[1]), Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({**figures, "peak GiB": peak}))


def time_command(home: Path, csv: Path) -> dict[str, float]:
    """Time `reviews score FILE` from the start of its process to its end, and its flow by the `runs` table."""
    with copy_home(home) as own:
        environment = {**os.environ, "REVIEWS_HOME": str(own), "PREFECT_HOME": str(own / "prefect")}
        started = perf_counter()
        command = [str(REVIEWS), "score", str(csv)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        took = perf_counter() - started
        with duckdb.connect(str(own / "reviews.duckdb"), read_only=True) as connection:
            query = "SELECT epoch(ended_at - started_at), (SELECT count(*) FROM scored_reviews) FROM runs "
            query += "ORDER BY ended_at DESC"
            flow, rows = connection.sql(query).fetchall()[0]
    return {"from process start": took, "after start-up": flow, "rows": rows}


@contextmanager
def copy_home(home: Path) -> Iterator[Path]:
    """Give a home with the same champion and nothing scored."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "home"
        own.mkdir()
        shutil.copytree(home / "bundles", own / "bundles")
        shutil.copy(home / "reviews.duckdb", own)
        yield own


def _measure_stages(home: Path, csv: Path) -> dict[str, float]:
    """Time each stage of scoring in this process, without Prefect: the engine alone, and all else."""
    from data_contracts.limits import RowLimits
    from models.scorer import Scorer, load_scorer
    from tasks.commit import commit_parts
    from tasks.inbox import SourceFile, hash_file, look_at_named
    from tasks.model_registry import find_champion
    from tasks.published import publish
    from tasks.read_options import ReadOptions
    from tasks.scoring import ScoringJob, keep_part, score_group

    figures = dict.fromkeys(("hash", "score", "of it engine", "keep", "commit", "publish"), 0.0)

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = perf_counter()
        yield
        figures[name] += perf_counter() - started

    with copy_home(home) as own:
        champion = find_champion(own / "reviews.duckdb")
        assert champion is not None
        loaded = load_scorer(own / "bundles" / champion.model_id)

        def predict(encoded):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            with timed("of it engine"):
                return loaded.predict(encoded)

        scorer = Scorer(loaded.model_id, loaded.sequence_length, loaded.word_ids, predict)
        from data_contracts.expectations import import_expectations

        import_expectations()
        started = perf_counter()
        with timed("hash"):
            file = hash_file(look_at_named([csv], own / "inbox").files[0])
        assert isinstance(file, SourceFile)
        with timed("score"):
            outcome = score_group(
                ScoringJob(scorer, own / "parts", "run", RowLimits(), ReadOptions()), [file]
            )
        with timed("keep"):
            part = keep_part(outcome)
        with timed("commit"):
            commit_parts(own / "reviews.duckdb", part)
        with timed("publish"):
            publish(own / "reviews.duckdb", own / "published" / "reviews.duckdb")
        total = perf_counter() - started
    return {**figures, "total": total, "outside the engine": total - figures["of it engine"]}


def _run_plain_script(home: Path, csv: Path) -> dict[str, float]:
    """Do what a user would write; give the seconds after the imports and of each step."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import numpy as np
    import pandas as pd

    from tasks.model_registry import find_champion

    champion = find_champion(home / "reviews.duckdb")
    assert champion is not None
    folder = home / "bundles" / champion.model_id
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    words = json.loads((folder / "vocabulary.json").read_text("utf-8"))
    started = perf_counter()
    frame = pd.read_csv(csv)
    read = perf_counter()
    tokenizer = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_{|}~`\t\n', " "))
    ids = {word: position for position, word in enumerate(words, start=1)}
    encoded = np.zeros((len(frame), 500), np.int32)
    for row, text in enumerate(frame["review"]):
        found = [
            ids.get(word, 0) for word in text.lower().replace("<br />", " ").translate(tokenizer).split()
        ][-500:]
        if found:
            encoded[row, -len(found) :] = found
    frame["score"] = model.predict(encoded, batch_size=256, verbose=0)[:, 0]
    scored = perf_counter()
    frame.to_parquet(csv.with_suffix(".parquet"))
    return {"read": read - started, "score": scored - read, "after start-up": perf_counter() - started}


def _run_pandas(home: Path, csv: Path) -> dict[str, float]:
    """Only read the CSV and write it as Parquet."""
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_parquet(csv.with_suffix(".warm-up"))
    started = perf_counter()
    pd.read_csv(csv).to_parquet(csv.with_suffix(".parquet"))
    return {"read and write": perf_counter() - started}


if __name__ == "__main__":
    main()
