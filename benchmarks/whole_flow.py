"""How long `reviews score` takes for large CSVs, beside a plain script with pandas and Keras.

    python -m benchmarks.whole_flow HOME [--rows 100000] [--runs 5]
    python -m benchmarks.whole_flow HOME --sizes 1000 10000 100000 1000000 [--runs 3] [--json FILE]

HOME has the archive's Parquet (`reviews ingest`) and a promoted model. The file has all reviews of the archive, also
unlabelled ones, repeated with a counter if more rows are needed. Both run in turns, in new processes. The plain script
is what a user would write: `pandas.read_csv`, words to ids, `model.predict`, `to_parquet`. With `--sizes` only our
command runs, for each size in turn. Prints Markdown tables.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import MappingProxyType

import duckdb

from benchmarks.idle_run import serve_benchmark
from benchmarks.ratios import spread

ROOT = Path(__file__).parents[1]
REVIEWS = Path(sys.executable).with_name("reviews")
SPLITS = ("test", "train", "unsup")
STAGES = ("hash", "read, check, encode", "engine", "keep", "commit", "publish")

Figures = dict[str, float]


def main() -> None:
    """Write the files, time the programs in turns, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", help="our side alone, at these numbers of rows")
    parser.add_argument("--json", type=Path, help="write the stages of the sizes here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.sizes:
            measure_sizes(arguments.home, Path(folder), arguments.sizes, arguments.runs, arguments.json)
        else:
            compare_sides(arguments.home, Path(folder), arguments.rows, arguments.runs)


def compare_sides(home: Path, folder: Path, rows: int, runs: int) -> None:
    """Time our command and its stages, the plain script, and pandas alone; print the table."""
    csv = folder / "reviews.csv"
    write_csv(home, csv, rows)
    taken: list[dict[str, Figures]] = []
    with serve_benchmark(folder / "prefect") as environment:
        sides: dict[str, Callable[[], Figures]] = {
            "ours": lambda: time_command(home, csv),
            "with a server": lambda: time_command(home, csv, environment),
            "stages": lambda: run_python("_measure_stages", home, csv),
            "plain": lambda: run_python("_run_plain_script", home, csv),
            "pandas": lambda: run_python("_run_pandas", home, csv),
        }
        for run in range(runs):
            taken.append({name: side() for name, side in sides.items()})
            print(f"run {run + 1}: {taken[-1]}", file=sys.stderr, flush=True)
    print(f"{rows:,} reviews in one CSV of {csv.stat().st_size / 2**20:,.0f} MiB, medians of {runs} runs\n")
    print("| what | ratio | from | to |\n| --- | ---: | ---: | ---: |")
    for side, kind, named in (
        ("ours", "after start-up", "after start-up"),
        ("ours", "from process start", "from process start"),
        ("with a server", "from process start", "from process start, Prefect's server running"),
    ):
        ratios = [run["plain"][kind] / run[side][kind] for run in taken]
        print(f"| plain script / ours, {named} | {spread(ratios)} |")
    for kind in ("outside the engine", "outside the engine and finding words"):
        ratios = [run["stages"][kind] / run["pandas"]["read and write"] for run in taken]
        print(f"| ours {kind} / `pandas.read_csv` + `to_parquet` | {spread(ratios)} |")
    print("\n| stage | share of the time after start-up |\n| --- | ---: |")
    for stage in STAGES:
        share = statistics.median(run["stages"][stage] / run["stages"]["total"] for run in taken)
        print(f"| {stage} | {share:.0%} |")
    peaks = {name: statistics.median(run[name]["peak GiB"] for run in taken) for name in ("ours", "plain")}
    print("\nPeak memory: ours {ours:.2f} GiB, the plain script {plain:.2f} GiB.".format(**peaks))


def measure_sizes(home: Path, folder: Path, sizes: Sequence[int], runs: int, out: Path | None) -> None:
    """Time our command at each size in turns, and its stages once; print the table."""
    files = {size: folder / f"{size}.csv" for size in sizes}
    for size, csv in files.items():
        # In a process of its own: a child's largest memory is never less than its parent's was.
        writing = (
            f"from benchmarks.whole_flow import *; write_csv(Path({str(home)!r}), Path({str(csv)!r}), {size})"
        )
        subprocess.run([sys.executable, "-c", writing], cwd=ROOT, check=True)
    taken: dict[int, list[Figures]] = {size: [] for size in sizes}
    for run in range(runs):
        for size, csv in files.items():
            taken[size].append(time_command(home, csv))
            print(f"run {run + 1}, {size:,} rows: {taken[size][-1]}", file=sys.stderr, flush=True)
    stages = {size: run_python("_measure_stages", home, csv) for size, csv in files.items()}
    largest = max(size for size in sizes if size <= 100_000)
    print(
        "| reviews | a review, after start-up, to that at "
        f"{largest:,} | peak memory, GiB | {' | '.join(STAGES)} |\n| ---: | ---: | ---: |{' ---: |' * len(STAGES)}"
    )
    for size in sizes:
        pairs = zip(taken[size], taken[largest], strict=True)
        each = (mine["after start-up"] / size * largest / other["after start-up"] for mine, other in pairs)
        peak = statistics.median(figures["peak GiB"] for figures in taken[size])
        shares = [f"{stages[size][stage] / stages[size]['total']:.0%}" for stage in STAGES]
        print(f"| {size:,} | {statistics.median(each):.2f} | {peak:.2f} | {' | '.join(shares)} |")
    if out:
        out.write_text(json.dumps({str(size): stages[size] for size in sizes}), "utf-8")


def write_csv(home: Path, path: Path, rows: int) -> None:
    """Write `rows` reviews of the archive as one CSV; repeated texts get a counter."""
    files = ", ".join(f"'{home}/reviews/{split}.parquet'" for split in SPLITS)
    texts = f"SELECT text, movie_id, row_number() OVER () - 1 AS number FROM read_parquet([{files}])"
    again = f"SELECT count(*) FROM ({texts})"
    duckdb.execute("SET enable_progress_bar = false")  # it would be printed into the table
    duckdb.sql(
        f"COPY (SELECT 'r' || (number + copy * total) AS review_id, movie_id, "
        f"CASE WHEN copy = 0 THEN text ELSE text || ' ' || copy END AS review "
        f"FROM ({texts}), (SELECT ({again}) AS total), range({rows // 1000 + 1}) AS copies(copy) "
        f"WHERE number + copy * total < {rows}) TO '{path}' (HEADER)"
    )


def run_python(function: str, home: Path, csv: Path) -> Figures:
    """Run a function of this module in a process of its own; return its figures and the seconds of the process."""
    code = f"from benchmarks.whole_flow import {function}, main_of; main_of({function})"
    started = perf_counter()
    command = [sys.executable, "-c", code, str(home), str(csv)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "from process start": perf_counter() - started}


def main_of(function: Callable[[Path, Path], Figures]) -> None:
    """Run a function on the two paths of the command line and print its figures."""
    figures = function(Path(sys.argv[1]), Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"peak GiB": peak, **figures}))


def time_command(home: Path, csv: Path, server: Mapping[str, str] = MappingProxyType({})) -> Figures:
    """Return the seconds of the process of `reviews score FILE`, and those of its flow by the table `runs`.

    `server` is the environment of a running Prefect server; without it the command starts a temporary one.
    """
    with copy_home(home) as own:
        environment = {
            **os.environ,
            **server,
            "REVIEWS_HOME": str(own),
            "REVIEWS_REPORTS": "false",  # written when the rows are committed and published
            "PREFECT_HOME": str(home / "prefect"),
        }
        started = perf_counter()
        peak = run_command([str(REVIEWS), "score", str(csv)], environment).ru_maxrss / 2**20
        took = perf_counter() - started
        with duckdb.connect(str(own / "reviews.duckdb"), read_only=True) as connection:
            query = "SELECT epoch(ended_at - started_at), (SELECT count(*) FROM scored_reviews) FROM runs "
            query += "WHERE flow = 'score-reviews' ORDER BY ended_at DESC"
            flow, rows = connection.sql(query).fetchall()[0]
    return {"from process start": took, "after start-up": flow, "rows": rows, "peak GiB": peak}


def run_command(command: Sequence[str], environment: Mapping[str, str]) -> resource.struct_rusage:
    """Run a command to its end; return what it took: CPU seconds, and its peak memory in KiB (`ru_maxrss`)."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{output.read().decode()}")
    return usage


@contextmanager
def copy_home(home: Path) -> Iterator[Path]:
    """Yield a temporary copy of a home: the same bundles and database, without its other files."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "home"
        own.mkdir()
        shutil.copytree(home / "bundles", own / "bundles")
        shutil.copy(home / "reviews.duckdb", own)
        yield own


def _measure_stages(home: Path, csv: Path, once: bool = False) -> Figures:
    """Time each stage of scoring in this process, without Prefect, then the engine alone, unless `once`.

    The engine works while the next rows are read and checked. So the time outside the engine is the total time without
    the time that the engine alone takes for the same reviews.
    """
    from pyarrow.csv import ParseOptions, read_csv

    from data_contracts.expectations import import_expectations
    from data_contracts.storage.home import Home
    from models.bundle.scorer import Scorer, load_scorer
    from models.tokenizer import EncodedReviews, encode_reviews
    from tasks.inbox.source_files import SourceFile, hash_file, look_at_named
    from tasks.scoring.group_to_part import ScoringJob, score_group
    from tasks.scoring.part_folders import keep_part
    from tasks.warehouse.commit import commit_parts
    from tasks.warehouse.model_registry import find_champion
    from tasks.warehouse.publishing import publish
    from tasks.warehouse.run_log import Run

    figures: Figures = {}
    kept: list[EncodedReviews] = []

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = perf_counter()
        yield
        figures[name] = figures.get(name, 0.0) + perf_counter() - started

    with copy_home(home) as own:
        champion = find_champion(own / "reviews.duckdb")
        assert champion is not None
        loaded = load_scorer(own / "bundles" / champion.model_id)

        def predict(encoded: EncodedReviews):  # type: ignore[no-untyped-def]  # noqa: ANN202
            kept.append(encoded)
            return loaded.predict(encoded)

        scorer = Scorer(loaded.model_id, loaded.sequence_length, loaded.word_ids, predict)
        import_expectations()
        started = perf_counter()
        with timed("hash"):
            file = hash_file(look_at_named([csv], own / "inbox").files[0])
        assert isinstance(file, SourceFile)
        with timed("score"):
            outcome = score_group(ScoringJob(Run(Home(own), "run"), lambda: scorer), [file])
        with timed("keep"):
            part = keep_part(outcome.part)
        with timed("commit"):
            commit_parts(own / "reviews.duckdb", part)
        with timed("publish"):
            publish(Home(own))
        figures["total"] = perf_counter() - started
        figures["peak GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        if once:
            return figures
        with timed("engine"):
            for encoded in kept:
                loaded.predict(encoded)
        texts = read_csv(csv, parse_options=ParseOptions(newlines_in_values=True))["review"]
        with timed("find words"):
            for chunk in texts.chunks:
                encode_reviews(chunk, loaded.word_ids, loaded.sequence_length)
    figures["read, check, encode"] = figures["score"] - figures["engine"]
    outside = figures["total"] - figures["engine"]
    return {
        **figures,
        "outside the engine": outside,
        "outside the engine and finding words": outside - figures["find words"],
    }


def _run_plain_script(home: Path, csv: Path) -> Figures:
    """Run the plain script; return the seconds of each step and of all after the imports."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import numpy as np
    import pandas as pd

    from tasks.warehouse.model_registry import find_champion

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


def _run_pandas(home: Path, csv: Path) -> Figures:
    """Read the CSV and write it as Parquet with pandas; return the seconds."""
    import pandas as pd

    pd.DataFrame({"a": [1]}).to_parquet(csv.with_suffix(".warm-up"))
    started = perf_counter()
    pd.read_csv(csv).to_parquet(csv.with_suffix(".parquet"))
    return {"read and write": perf_counter() - started}


if __name__ == "__main__":
    main()
