"""A run that lets workers score: its job, what workers need to know, the store, and the workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.storage.home import Home
from tasks.engine.dispatch import Engine
from tasks.engine.worker_group_task import Recipe
from tasks.inbox.source_files import FoundFile
from tasks.scoring.rescoring import OlderSource
from tasks.scoring.run_outcome import GroupResult
from tasks.store.connecting import Store

if TYPE_CHECKING:
    from tasks.scoring.group_to_part import ScoringJob

Ended = tuple[Sequence[FoundFile | OlderSource], GroupResult]
"""Some files and what became of them."""


@dataclass(frozen=True)
class EngineRun:
    """A run that lets workers score, and what it works with."""

    job: "ScoringJob"
    recipe: Recipe
    store: Store
    engine: Engine

    @property
    def home(self) -> Home:
        """The home of the run."""
        return self.job.run.home
