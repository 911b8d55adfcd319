"""Workers that are this process: each batch is scored when it is waited for."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts.errors import EngineError
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer
from tasks.engine import batches, dask_workers
from tasks.engine.batches import score_in_order
from tasks.engine.worker_task import Recipe, write_batch
from tasks.inbox import source_files
from tasks.scoring.chunk_scores import ScoreChunks, ScoredChunk, score_chunk

KILLER = "killer"
"""What is in a text that ends workers."""


@dataclass
class InnerEngine:
    """Scores the batches that are waited for; is lost after `lost_after` of them."""

    lost_after: int = 1000
    scored: list[list[str]] = field(default_factory=list)
    """The texts of each batch that was scored."""
    bundles: list[str] = field(default_factory=list)
    """The fingerprints of those by which it was to score."""
    left: int = 0
    """Batches that were handed out and are neither scored nor dropped."""

    def score_by(self, folder: Path, fingerprint: str) -> ScoreChunks:
        self.bundles.append(fingerprint)

        def score(
            scorer: Scorer, run_id: str, chunks: Iterable[pa.Table], every_row: bool = False
        ) -> Iterator[ScoredChunk]:
            return score_in_order(
                Workers(self, load_blessed_scorer(folder, fingerprint)),
                Recipe(fingerprint, run_id, every_row),
                chunks,
            )

        return score


@dataclass(frozen=True)
class Workers:
    """The workers of such an engine with the scorer of a bundle."""

    engine: InnerEngine
    scorer: Scorer

    def count_threads(self) -> int:
        return 2

    def submit(self, recipe: Recipe, rows: pa.Table) -> tuple[Recipe, bytes]:
        self.engine.left += 1
        return recipe, write_batch(rows)

    def wait_for(self, handles: Collection[object]) -> None: ...

    def collect(self, handle: tuple[Recipe, bytes]) -> ScoredChunk | None:
        if len(self.engine.scored) == self.engine.lost_after:
            raise EngineError("The scheduler was lost.")
        self.engine.left -= 1
        recipe, batch = handle
        rows = pa.ipc.open_stream(batch).read_all()
        texts = rows["text"].to_pylist()
        if any(KILLER in text for text in texts):
            return None
        self.engine.scored.append(texts)
        return replace(score_chunk(self.scorer, recipe.run_id, rows, recipe.every_row), rows=rows.slice(0, 0))

    def drop(self, handles: Collection[object]) -> None:
        self.engine.left -= len(handles)


@contextmanager
def use_inner_engine(lost_after: int = 1000) -> Iterator[InnerEngine]:
    """Let the runs in the block score by such an engine, in groups of two files and batches of two rows."""
    engine = InnerEngine(lost_after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dask_workers, "DaskEngine", lambda *opened: engine)
        patch.setattr(source_files, "GROUP_FILES", 2)
        patch.setattr(batches, "BATCH_ROWS", 2)
        patch.setenv("REVIEWS_DASK", "tcp://127.0.0.1:1")
        yield engine
    assert engine.left == 0
