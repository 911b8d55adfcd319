"""Whether a training that is killed at random moments ends with the same weights as one that is not.

    python -m benchmarks.killed_trainings HOME [--variant wide_lstm] [--rows 128] [--kills 20] [--seed 0]

HOME has the ingested archive; nothing is written there. The training is a shortened one, of `--rows` labelled reviews
and as many unlabelled ones, spread over the archive; all else is as in `reviews train`, but checkpoints within an epoch
are closer to each other. It is done twice without a kill, which must give the same model. Then each trial kills one by
SIGKILL, at a moment by chance between its beginning and its end, and does it again to its end, each in a process of its
own. Prints a Markdown table; the exit status is 1 if a model differs.
"""

import argparse
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from data_contracts.storage.home import Home
from models.bundle.folder import name_model
from models.variants import DEFAULT_VARIANT, find_variant
from tasks.training.build_bundle import TrainingJob, train_on
from tasks.training.dataset import DatasetTexts, TrainingRows, encode_rows, load_rows
from tasks.training.unfinished import keep_journal

SAVE_SECONDS = 1.0
"""Between two checkpoints within an epoch."""
LOADED = ("tensorflow", "keras", "gensim.models", "sklearn.linear_model", "tasks.training.unfinished")
"""What the processes need, loaded once: they are forked from one that has it and has computed nothing."""


@dataclass(frozen=True)
class Result:
    """What a training came to."""

    model_id: str
    """None of a training that was killed."""
    went_on: str
    """The place from which it went on; empty if it began anew."""
    seconds: float


def main() -> None:
    """Kill trainings, and print what became of them; with `--job`, do one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--variant", default=DEFAULT_VARIANT)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    multiprocessing.set_forkserver_preload(list(LOADED))
    job = make_job(arguments.home, arguments.variant, arguments.rows)
    with tempfile.TemporaryDirectory(prefix="killed-trainings-") as folder:
        sys.exit(0 if compare(Path(folder), job, arguments.kills, random.Random(arguments.seed)) else 1)


def make_job(home: Path, variant_name: str, count: int) -> TrainingJob:
    """Return a training of the variant on a part of the rows."""
    variant = find_variant(variant_name)
    rows = load_rows(Home(home).reviews, with_unlabelled=variant.reads_unlabelled)
    few = TrainingRows(
        train=thin(rows.train, count),
        validation=thin(rows.validation, count // 4),
        test=thin(rows.test, 10),
        unlabelled=rows.unlabelled[:count],
        shared_titles=0,
        provenance=rows.provenance,
    )
    return TrainingJob(variant, 0, variant.epochs, few, encode_rows(few, variant))


def thin(texts: DatasetTexts, count: int) -> DatasetTexts:
    """Return some of the texts, spread evenly over all."""
    chosen = np.linspace(0, len(texts.texts) - 1, count).astype(int)
    return DatasetTexts(
        [texts.texts[row] for row in chosen],
        [texts.text_sha256[row] for row in chosen],
        texts.positive[chosen],
        texts.rating[chosen],
        [texts.movie_id[row] for row in chosen],
    )


def train(home: Path, job: TrainingJob, connection: Connection) -> None:
    """Do a training as `reviews train` does; send what it says, and at the end the id of its model."""
    with keep_journal(Home(home), job, connection.send, anew=False) as kept:
        model = train_on(job, replace(kept, save_seconds=SAVE_SECONDS)).model
    connection.send(name_model(job.variant.name, job.seed, model, job.encoded.vocabulary, "rows"))


def run(home: Path, job: TrainingJob, kill_after: float | None = None) -> Result:
    """Train in a process, which is killed after some seconds."""
    context = multiprocessing.get_context("forkserver")
    receiving, sending = context.Pipe(duplex=False)
    began = time.monotonic()
    process = context.Process(target=train, args=(home, job, sending))
    process.start()
    sending.close()
    process.join(kill_after)
    process.kill()
    process.join()
    lines = list(receive_all(receiving))
    went_on = [line for line in lines if line.startswith("Goes on at ")]
    place = went_on[0].removeprefix("Goes on at ").partition("; the training")[0] if went_on else ""
    return Result(lines[-1] if process.exitcode == 0 else "", place, time.monotonic() - began)


def receive_all(connection: Connection) -> Iterator[str]:
    """Yield what a process that has ended had sent."""
    with suppress(EOFError):
        while True:
            yield connection.recv()


def compare(folder: Path, job: TrainingJob, kills: int, chance: random.Random) -> bool:
    """Kill trainings and let them go on; print the table, and return whether all models are the same."""
    whole = [run(folder / f"whole-{number}", job) for number in range(2)]
    print(f"Not killed: {', '.join(f'{each.model_id} in {each.seconds:.0f} s' for each in whole)}\n")
    print(
        "| trial | killed after, s | went on at | ended after, s | model |\n| ---: | ---: | --- | ---: | --- |"
    )
    models = Counter(each.model_id for each in whole)
    for number in range(1, kills + 1):
        home, moment = folder / f"trial-{number}", chance.uniform(0, whole[1].seconds)
        killed = run(home, job, moment)
        again = killed if killed.model_id else run(home, job)
        models[again.model_id] += 1
        same = "the same" if again.model_id == whole[0].model_id else again.model_id
        how = "not killed, it had ended" if killed.model_id else again.went_on or "the beginning"
        shutil.rmtree(home)
        print(f"| {number} | {moment:.1f} | {how} | {again.seconds:.1f} | {same} |", flush=True)
    print(f"\n{models.total()} trainings, {len(models)} different models.")
    return len(models) == 1


if __name__ == "__main__":
    main()
