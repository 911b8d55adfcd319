"""The stage of `score-reviews` that takes in the labels that people gave, from the home and from a store."""

from collections.abc import Sequence
from functools import partial

from data_contracts.storage.home import Home
from tasks.inbox.source_files import FoundFile, SkippedFile, SourceFile
from tasks.labelling import intake
from tasks.labelling.intake import TakenLabels
from tasks.stages.log_messages import list_figures
from tasks.stages.retries import look
from tasks.store.inbox_objects import fetch_arrivals


@list_figures.register
def count_labels(taken: TakenLabels) -> dict[str, int]:
    """Return how many labels were taken in and withdrawn, by name; nothing where no file was new."""
    counts = {
        "label_sheets": len(taken.sheets),
        "labels_taken": taken.labels,
        "labels_withdrawn": taken.lost,
    }
    return counts if any(counts.values()) else {}


def take_labels(home: Home, store: str | None, objects: Sequence[FoundFile]) -> TakenLabels:
    """Take in the labels that people gave since the last run in the inbox, and in `objects` of that of a store."""
    if not home.labels.is_dir() and not objects:
        return TakenLabels()  # most homes have none: no line in the log

    def fetch(place: str, files: Sequence[FoundFile]) -> list[SourceFile | SkippedFile]:
        return look("fetch-labels", partial(fetch_arrivals, place, files))

    return look("take-labels", partial(intake.take_labels, home, store, objects, fetch))
