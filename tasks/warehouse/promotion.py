"""The one way into the champion's place: first the bundle shows on this machine that it may score.

It must be unaltered and give its golden texts the scores that it was recorded with, whoever asks: a training, `reviews
models promote`, forced or not, or a rollback. `tests/unit/test_house.py` holds that nothing else changes the champion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from data_contracts.errors import BundleError
from data_contracts.storage.home import Home
from models.bundle.folder import require_unaltered
from models.bundle.scorer import Scorer
from models.bundle.trust import load_blessed_scorer
from models.evaluation.gate import Decision, GateCheck, decide_promotion
from tasks.warehouse.model_registry import (
    KeptDecision,
    PromotedModel,
    find_champion,
    find_model,
    find_rollback_target,
    keep_decision,
    roll_back,
)

GOLDEN = "golden_scores"
"""The rule that stands alone where a bundle may not score: it is compared with no one."""
Judge = Callable[[Scorer, PromotedModel | None], Sequence[GateCheck]]
"""Takes the challenger and the champion, if there is one, and gives the gate's checks."""


@dataclass(frozen=True)
class Attempt:
    """An attempt to make a model the champion, as it is kept."""

    model_id: str
    mode: str = "auto"
    """One of `models.evaluation.gate.PROMOTE_MODES`."""
    run_id: str | None = None
    """Of the training that made it."""
    reason: str | None = None
    """In the words of whoever asked; kept with the promotion in the place of the gate's."""
    forced_by: str | None = None
    """Who promotes it where the gate refuses, if anyone does."""


def promote(home: Home, attempt: Attempt, judge: Judge) -> Decision:
    """Make a recorded model the champion if its bundle may score and the gate lets it pass; give the decision, kept.

    Raises `WarehouseError` where another model becomes the champion meanwhile.
    """
    present = find_champion(home.warehouse)
    folder = home.bundles / attempt.model_id
    fingerprint = find_model(home.warehouse, attempt.model_id)["bundle_fingerprint"]
    try:
        checks = judge(load_blessed_scorer(folder, fingerprint), present)
        require_unaltered(folder, fingerprint)  # still: to compare takes a while
        mode, decision = _decide(attempt, checks)
    except BundleError as error:
        mode, decision = attempt.mode, _refuse(str(error))
    compared_with = present.model_id if present else None
    keep_decision(
        home.warehouse, KeptDecision(decision, attempt.model_id, compared_with, mode, attempt.run_id)
    )
    return decision


def _decide(attempt: Attempt, checks: Sequence[GateCheck]) -> tuple[str, Decision]:
    """Give the mode and the decision as they are kept: the reason of a promotion is that of whoever asked for it."""
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
    """Make `model_id`, else the champion before the present one, the champion again; give it.

    Raises `BundleError` where its bundle may not score, `WarehouseError` where there is none to go back to.
    """
    target = find_rollback_target(home.warehouse, model_id)
    load_blessed_scorer(home.bundles / target.model_id, target.bundle_fingerprint)
    return roll_back(home.warehouse, reason, target.model_id)
