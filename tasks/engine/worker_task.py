"""What a worker does: keep the bundle that it got, and score batches of texts by it, as a run on one machine does."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data_contracts.storage.durable import build_folder
from data_contracts.storage.faults import pass_fault_point
from models.bundle.blessed_scorer import load_blessed_scorer
from tasks.scoring.chunk_scores import ScoredChunk, score_chunk

if TYPE_CHECKING:
    from models.bundle.scorer import Scorer


@dataclass(frozen=True)
class Recipe:
    """What is the same for every batch of one run by one model."""

    fingerprint: str
    """Of the model's bundle."""
    run_id: str
    every_row: bool
    """As `score_in_background` has it."""


def make_plugin(bundle_dir: Path, fingerprint: str) -> Any:
    """Return what brings a bundle to every worker that there is, or that comes later."""
    from distributed import WorkerPlugin

    paths = [path for path in sorted(bundle_dir.rglob("*")) if path.is_file()]
    files = {path.relative_to(bundle_dir).as_posix(): path.read_bytes() for path in paths}

    class KeepBundle(WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            keep_bundle(_place_bundle(worker, fingerprint), files)

    return KeepBundle()


def keep_bundle(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a bundle to a folder, unless it is there."""
    if folder.exists():
        return
    with build_folder(folder) as building:
        for name, content in files.items():
            path = building / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _place_bundle(worker: Any, fingerprint: str) -> Path:
    """Return the folder of a bundle in a worker."""
    return Path(worker.local_directory) / "bundles" / fingerprint


def write_batch(rows: pa.Table) -> bytes:
    """Return what a worker needs of rows, in Arrow's format."""
    needed = rows.select(
        [name for name in ("source_sha256", "row_number", "text", "source") if name in rows.column_names]
    )
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, needed.schema) as writer:
            writer.write_table(needed)
        return bytes(sink.getvalue())


def score_on_worker(recipe: Recipe, batch: bytes) -> ScoredChunk:
    """Score a batch in a worker of Dask; its rows, which the run has, don't come back."""
    from distributed import get_worker

    pass_fault_point("engine: batch taken")
    scorer = _load_scorer(_place_bundle(get_worker(), recipe.fingerprint), recipe.fingerprint)
    rows = pa.ipc.open_stream(batch).read_all()
    scored = score_chunk(scorer, recipe.run_id, rows, recipe.every_row)
    pass_fault_point("engine: batch scored")
    return replace(scored, rows=rows.slice(0, 0))


@functools.lru_cache(maxsize=2)
def _load_scorer(folder: Path, fingerprint: str) -> "Scorer":
    """Load the scorer of a bundle, once in a process."""
    return load_blessed_scorer(folder, fingerprint)
