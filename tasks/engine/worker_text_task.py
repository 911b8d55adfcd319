"""What a worker does with texts: score them, and leave the scores in the store.

They are texts that other models have scored, or those of rows of a large file, which the run reads. The functions are
those of a run on one machine. The run makes the part from the scores, and checks it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import ObjectMissingError
from data_contracts.scored_reviews import SCORED_SCHEMA
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.engine.worker_group_task import GroupSummary, Recipe, do_work, load_scorer
from tasks.inbox.source_files import FoundFile
from tasks.scoring.rescoring import OlderSource, read_texts, score_batches
from tasks.store.connecting import open_store
from tasks.store.stored_parts import StoredPart, delete_part, drop_damaged, find_manifest, upload_part
from tasks.store.stored_texts import StoredTexts, fetch_texts, has_texts

if TYPE_CHECKING:
    import pyarrow as pa

SCORES = "scored_reviews.parquet"
UNSCORED = "unscored.json"
"""The files of what a worker leaves; the second one has new rows that can't be scored: position, rule and detail."""


@dataclass(frozen=True)
class TextTask:
    """Texts to score again: those of some sources, or some rows of one source."""

    recipe: Recipe
    files: tuple[OlderSource, ...]
    texts: StoredTexts
    """May have the texts of other sources too, since a group that kills workers is halved."""
    in_group: int = 1
    """How many files all tasks of its group have together: what is committed at once."""


@dataclass(frozen=True)
class RowTask:
    """Rows of a new file to score, which passed their contract."""

    recipe: Recipe
    files: tuple[FoundFile]
    texts: StoredTexts


_Result = tuple[TextTask, GroupSummary | Exception]


@do_work.register
def _(task: TextTask, place: Home, bundles: Path) -> GroupSummary:
    import pyarrow.parquet as pq

    def score(texts: Path, building: Path) -> None:
        scorer = load_scorer(task.recipe, bundles)
        with pq.ParquetWriter(building / SCORES, SCORED_SCHEMA, compression="zstd") as writer:
            batches = read_texts(texts, task.files)
            for scores in score_batches(scorer, task.recipe.run_id, batches, lambda size: None):
                writer.write_table(scores)

    return _leave_scores(task, place, score)


@do_work.register
def _(task: RowTask, place: Home, bundles: Path) -> GroupSummary:
    import pyarrow.parquet as pq

    from tasks.scoring.chunk_scores import score_chunk

    def score(texts: Path, building: Path) -> None:
        rows = pq.read_table(texts)
        scored = score_chunk(load_scorer(task.recipe, bundles), task.recipe.run_id, rows)
        pq.write_table(scored.scored, building / SCORES, compression="zstd")
        (building / UNSCORED).write_text(json.dumps(list(scored.unscored.items())), "utf-8")

    return _leave_scores(task, place, score)


def name_text_work(task: TextTask | RowTask) -> str:
    """Return the key of the scores of these texts by this model."""
    recipe = task.recipe
    which = ["rows"] if isinstance(task, RowTask) else [source.source_sha256 for source in task.files]
    what = [task.texts.file.sha256, *which]
    return sha256(json.dumps([recipe.model_id, recipe.fingerprint, what]).encode()).hexdigest()[:24]


def _leave_scores(task: TextTask | RowTask, place: Home, score: Callable[[Path, Path], None]) -> GroupSummary:
    """Fetch texts, let `score` write their scores to a folder, and copy it to the store, unless they are there.

    Raises `ObjectMissingError` if nobody waits for them any more.
    """
    part = StoredPart(open_store(task.recipe.store), task.recipe.home_id, name_text_work(task))
    dropped = drop_damaged(part)
    summary = GroupSummary((), (), part.key, dropped=dropped)
    if find_manifest(part) is not None:
        return summary
    fetched = fetch_texts(part.store, task.texts, place.spool / "texts")
    pass_fault_point("engine: texts fetched")
    building = place.spool / "scores"
    building.mkdir()
    score(fetched, building)
    upload_part(part, building, task.recipe.run_id)
    if not has_texts(part.store, task.texts):
        delete_part(part)  # a row of them may have been forgotten, and nothing of it may stay
        raise ObjectMissingError(
            f"{part.store.name(task.texts.key)}: was deleted meanwhile. Next: run again."
        )
    return summary


def read_scores(folder: Path, run_id: str) -> "pa.Table":
    """Return the scores in a folder as those of a run, which may use what one before it has left."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    scores = pq.read_table(folder / SCORES, schema=SCORED_SCHEMA)
    position = scores.schema.get_field_index("run_id")
    return scores.set_column(position, "run_id", pa.repeat(pa.scalar(run_id), len(scores)))


def read_unscored(folder: Path) -> dict[int, tuple[str, str]]:
    """Return the rows that could not be scored, by their position, with rule and detail."""
    stated = json.loads((folder / UNSCORED).read_text("utf-8"))
    return {int(position): (str(rule), str(detail)) for position, (rule, detail) in stated}


def gather_groups(results: Iterable[_Result]) -> Iterator[list[_Result]]:
    """Yield the results of each group together, once it has all of them."""
    waiting: list[_Result] = []
    for task, result in results:
        waiting.append((task, result))
        if sum(len(each.files) for each, _ in waiting) == task.in_group:
            yield waiting
            waiting = []
