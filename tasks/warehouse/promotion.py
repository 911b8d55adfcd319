"""Makes a model the champion, after checking its bundle on this machine. No other module changes the champion.

A bundle must be unaltered and must give its golden texts their recorded scores. That holds for a training, for
`reviews models promote`, forced or not, and for a rollback. `tests/unit/test_house.py` checks that no other way exists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from models.bundle.fingerprint import require_unaltered
from models.bundle.scorer import Scorer
from models.bundle.trust import load_blessed_scorer
from models.evaluation.gate import Decision, GateCheck, decide_promotion
from tasks.warehouse.model_registry import (
    DecisionRecord,
    PromotedModel,
    find_champion,
    find_model,
    find_rollback_target,
    record_decision,
    roll_back,
)

GOLDEN = "golden_scores"
"""The only rule in the decision on a bundle that may not score: no comparison is made then."""
Judge = Callable[[Scorer, PromotedModel | None], Sequence[GateCheck]]
"""Compares a challenger with the champion, if there is one, and returns the gate's checks."""


@dataclass(frozen=True)
class Attempt:
    """A request to make a model the champion."""

    model_id: str
    mode: str = "auto"
    """One of `models.evaluation.gate.PROMOTE_MODES`."""
    run_id: str | None = None
    """The training run that made the model."""
    reason: str | None = None
    """The user's reason, recorded with the promotion instead of the gate's."""
    forced_by: str | None = None
    """The user who promotes the model even if the gate refuses it; None to obey the gate."""


def promote(home: Home, attempt: Attempt, judge: Judge) -> Decision:
    """Make a recorded model the champion if its bundle may score and the gate passes; record and return the decision.

    Raises `WarehouseError` if another model becomes the champion in the meantime.
    """
    present = find_champion(home.warehouse)
    folder = home.bundles / attempt.model_id
    fingerprint = find_model(home.warehouse, attempt.model_id)["bundle_fingerprint"]
    try:
        checks = judge(load_blessed_scorer(folder, fingerprint), present)
        require_unaltered(folder, fingerprint)  # once more, since the comparison takes a while
        mode, decision = _decide(attempt, checks)
    except BundleError as error:
        mode, decision = attempt.mode, _refuse(str(error))
    compared_with = present.model_id if present else None
    record_decision(
        home.warehouse, DecisionRecord(decision, attempt.model_id, compared_with, mode, attempt.run_id)
    )
    return decision


def _decide(attempt: Attempt, checks: Sequence[GateCheck]) -> tuple[str, Decision]:
    """Return the mode and the decision to record; the user's reason replaces that of the gate."""
    decision = decide_promotion(attempt.mode, checks)
    if decision.promote:
        return attempt.mode, replace(decision, reason=attempt.reason or decision.reason)
    if attempt.forced_by is None:
        return attempt.mode, decision
    why = f"{attempt.reason or f'forced by {attempt.forced_by}'} (the gate refused it: {decision.reason})"
    return "always", replace(decision, promote=True, reason=why)


def _refuse(reason: str) -> Decision:
    return Decision(False, reason, (GateCheck(GOLDEN, False, reason),))


def go_back(home: Home, reason: str, model_id: str | None = None) -> PromotedModel:
    """Make `model_id` the champion again, by default the champion before the present one, and return it.

    Raises `BundleError` if its bundle may not score, `WarehouseError` if there is no such earlier champion.
    """
    target = find_rollback_target(home.warehouse, model_id)
    load_blessed_scorer(home.bundles / target.model_id, target.bundle_fingerprint)
    return roll_back(home.warehouse, reason, target.model_id)
