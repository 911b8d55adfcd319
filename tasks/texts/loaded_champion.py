"""Finds the champion in the published copy and loads its bundle, only if it is the one that was promoted.

Loading needs ONNX Runtime, or TensorFlow for a bundle without a graph.
"""

from dataclasses import dataclass
from pathlib import Path

from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.reading_facts import read_facts
from models.bundle.scorer import Scorer
from models.evaluation.stars import RatingInterval, read_interval
from tasks.warehouse.model_registry import PromotedModel, read_promoted
from tasks.warehouse.published import open_published

MEMORY = "64MB"
"""DuckDB's memory limit while it looks up the champion."""


@dataclass(frozen=True)
class LoadedChampion:
    """A champion that is ready to score texts."""

    promoted: PromotedModel
    scorer: Scorer
    interval: RatingInterval | None
    """The interval around a predicted rating; None for a bundle that has none."""


def find_champion(published: Path) -> PromotedModel:
    """Look up the champion in the published copy at `published`.

    Raises `BundleError` if no model was promoted, `WarehouseError` if the copy is missing or can't be read.
    """
    with open_published(published, MEMORY) as connection:
        return read_promoted(connection, None)


def load_champion(bundles_dir: Path, promoted: PromotedModel) -> LoadedChampion:
    """Load the bundle of a promoted model; raise `BundleError` if it is missing or altered, or scores differently."""
    folder = bundles_dir / promoted.model_id
    scorer = load_blessed_scorer(folder, promoted.bundle_fingerprint)
    return LoadedChampion(promoted, scorer, read_interval(read_facts(folder)))
