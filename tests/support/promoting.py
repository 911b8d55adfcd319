"""Makes a model the champion without the gate."""

from pathlib import Path

from models.evaluation.gate import Decision
from tasks.warehouse.model_registry import PromotedModel, find_champion
from tasks.warehouse.promotion import Attempt, record_decision


def promote_model(warehouse: Path, model_id: str, reason: str) -> PromotedModel:
    """Make a recorded model the champion, and return it."""
    present = find_champion(warehouse)
    compared_with = present.model_id if present else None
    record_decision(warehouse, Attempt(model_id, "always"), Decision(True, reason), compared_with)
    champion = find_champion(warehouse)
    assert champion is not None
    return champion
