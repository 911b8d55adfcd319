"""What `reviews models promote` and `reviews models rollback` do: change the champion.

Both update the published copy at once.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from data_contracts.errors import BundleError, ReviewsError
from data_contracts.storage.home import Home
from flows.command.actions.compare import CONTEST_STEPS, warn_of_other_data
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.scorer import Scorer
from models.evaluation.gate import Decision, GateCheck
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.training.contest import NOT_COMPARED, ContestRows, judge_challenger, load_contest_rows
from tasks.warehouse import promotion
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.model_registry import PromotedModel, find_champion, find_model
from tasks.warehouse.publishing import publish

NEXT = "Next: `reviews score --rescore` scores with it the reviews that only other models have scored."


@dataclass(frozen=True)
class PromotionRequest:
    """The arguments of `reviews models promote`: which model is to become the champion, and who asks for it."""

    model: str
    """Its id, or the beginning of its id."""
    by: str
    reason: str | None = None
    force: bool = False
    """Promote it even if the gate refuses."""


@dataclass(frozen=True)
class NewChampion:
    """What `reviews models promote` and `rollback` report: the model that has just become the champion."""

    model_id: str
    reason: str
    previous: str | None
    """The champion before it, None if there was none."""


def promote(home: Home, request: PromotionRequest, echo: Callable[[str], None]) -> NewChampion | None:
    """Do what `reviews models promote` does; return None if the model is the champion already.

    Raises `ReviewsError` with the reasons if the gate refuses it; the refusal is recorded like any other decision.
    """
    row = find_model(home.warehouse, request.model)
    model_id, present = row["model_id"], find_champion(home.warehouse)
    if present is not None and present.model_id == model_id:
        echo(f"{model_id} is the champion already, since {present.since:%Y-%m-%d %H:%M}.")
        return None
    for warning in warn_of_other_data((row,), home):
        echo(warning)
    attempt = promotion.Attempt(
        model_id, reason=request.reason, forced_by=request.by if request.force else None
    )
    decision = promotion.promote(home, attempt, functools.partial(_judge_promotion, home))
    if decision.promote:
        echo(f"Promoted {model_id}: {escape_controls(decision.reason)}")
    publish(home)
    if not decision.promote:
        raise _describe_refusal(model_id, decision)
    echo(NEXT)
    return NewChampion(model_id, decision.reason, present.model_id if present else None)


def _describe_refusal(model_id: str, decision: Decision) -> ReviewsError:
    """Return the error with which `reviews models promote` ends if the gate or the bundle refuses the model."""
    refused = f"{model_id} is not promoted: {escape_controls(decision.reason)}"
    if decision.checks[0].name == promotion.GOLDEN:
        return BundleError(refused)
    if decision.checks[0].name == NOT_COMPARED:  # nor could `reviews models compare`
        return ReviewsError(f"{refused.removesuffix('.')}. Here --force promotes it anyway.")
    return ReviewsError(
        f"{refused}. Next: `reviews models compare {model_id} champion` shows the figures; --force promotes it "
        "anyway."
    )


def go_back(
    home: Home, name: str | None, reason: str | None, by: str, echo: Callable[[str], None]
) -> NewChampion:
    """Do what `reviews models rollback` does: make an earlier champion the champion again, if its bundle passes."""
    require_warehouse(home.warehouse, "`reviews train`; before that there is no model to go back to")
    chosen = find_model(home.warehouse, name)["model_id"] if name is not None else None
    present = find_champion(home.warehouse)
    back = promotion.go_back(home, reason or f"rolled back by {by}", chosen)
    echo(f"Rolled back to {back.model_id}: it scores from now on. The scores of other models stay.")
    publish(home)
    echo(NEXT)
    return NewChampion(back.model_id, back.reason, present.model_id if present else None)


def _judge_promotion(home: Home, challenger: Scorer, present: PromotedModel | None) -> Sequence[GateCheck]:
    """Return the gate's checks for `reviews models promote`: compare the challenger with the champion."""

    def load(champion: PromotedModel) -> tuple[Scorer, Scorer, ContestRows]:
        folder = home.bundles / champion.model_id
        loaded = load_blessed_scorer(folder, champion.bundle_fingerprint)
        return challenger, loaded, load_contest_rows(home, challenger, loaded)

    with show_progress("Comparing with the champion", CONTEST_STEPS) as report:
        return judge_challenger(present, load, report)
