"""Makes a model the champion, after checking its bundle on this machine. No other module changes the champion.

`promotions` has one row per change of champion and only grows: a rollback adds a row. `gate_checks` has one row per
rule of each decision.

A bundle must be unaltered and must give its golden texts their recorded scores. That holds for a training, for
`reviews models promote`, forced or not, and for a rollback. `tests/unit/test_house.py` checks that no other way exists.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from data_contracts.errors import BundleError, WarehouseError
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from models.bundle.blessed_scorer import load_blessed_scorer
from models.bundle.fingerprint import require_fingerprint
from models.bundle.reading_facts import REPLACE_CHAMPION
from models.bundle.scorer import Scorer
from models.evaluation.gate import Decision, GateCheck, decide_promotion
from tasks.support.who import name_user
from tasks.support.wording import drop_nan
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import settle_scores
from tasks.warehouse.model_registry import (
    PromotedModel,
    find_champion,
    find_model,
    read_champion,
    read_promoted,
)
from tasks.warehouse.row_names import NEXT_NUMBER
from tasks.warehouse.shadow.comparison import judge_shadow
from tasks.warehouse.shadow.record import end_promoted

_ADD_PROMOTION = f"""
INSERT INTO promotions (number, action, model_id, reason, compared_with, "at", promoted_by, commit_number)
SELECT
    coalesce(max(number), 0) + 1, $action, $model_id, $reason, $compared_with, now(), $by, {NEXT_NUMBER} - 1
FROM promotions
"""  # noqa: S608 (our own names)
# A model that is promoted again has scored files already: its scores count from now on.
_FIND_SCORED = """
CREATE OR REPLACE TEMP TABLE files_of_champion AS
SELECT source_sha256 FROM scored_files WHERE model_id = $model_id AND status = 'scored'
"""
_ADD_CHECK = """
INSERT INTO gate_checks SELECT
    $decision, $name, $model_id, $compared_with, $mode, $promoted, $passed, $detail, $challenger, $champion,
    $lower, $upper, $run_id, now(), $reviews
"""
GOLDEN = "golden_scores"
"""The only rule in the decision on a bundle that may not score: no comparison is made then."""
_OTHER_WAYS = (
    "To go back to another one instead: `reviews models rollback --to MODEL`, with one that `reviews models` lists. To "
    "promote another model: `reviews models promote MODEL`, with --force if the gate refuses it."
)
"""What to do where the bundle of the model to go back to may not score."""
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
    """Change the champion in the database to a recorded model if its bundle may score and the gate passes.

    Records and returns the decision.

    Raises `WarehouseError` if another model becomes the champion in the meantime.
    """
    present = find_champion(home.warehouse)
    folder = home.bundles / attempt.model_id
    fingerprint = find_model(home.warehouse, attempt.model_id)["bundle_fingerprint"]
    try:
        checks = judge(load_blessed_scorer(folder, fingerprint), present)
        if present is not None:
            checks = (*checks, *judge_shadow(home.warehouse, attempt.model_id, present.model_id))
        require_fingerprint(folder, fingerprint)  # once more, since the comparison takes a while
        attempt, decision = _decide(attempt, checks)
    except BundleError as error:
        refused = GateCheck(GOLDEN, False, str(error))
        decision = Decision(False, str(error), (refused,))
    record_decision(home.warehouse, attempt, decision, present.model_id if present else None)
    return decision


def _decide(attempt: Attempt, checks: Sequence[GateCheck]) -> tuple[Attempt, Decision]:
    """Return the attempt and decision that the database records; the user's reason replaces the gate's."""
    decision = decide_promotion(attempt.mode, checks)
    if decision.promote:
        return attempt, replace(decision, reason=attempt.reason or decision.reason)
    if attempt.forced_by is None:
        return attempt, decision
    why = f"{attempt.reason or f'forced by {attempt.forced_by}'} (the gate refused it: {decision.reason})"
    return replace(attempt, mode="always"), replace(decision, promote=True, reason=why)


def go_back(home: Home, reason: str, model_id: str | None = None) -> PromotedModel:
    """Change the champion back to `model_id`, by default the one before, if its bundle may score; return it.

    Raises `BundleError` if its bundle may not score, `WarehouseError` if there is no such earlier champion.
    """
    with open_warehouse(home.warehouse, write=False) as connection:
        target = read_promoted(connection, _choose_rollback(connection, model_id)[0])
    try:
        load_blessed_scorer(home.bundles / target.model_id, target.bundle_fingerprint)
    except BundleError as error:
        fault = str(error).removesuffix(REPLACE_CHAMPION).strip()  # it is not the champion
        raise BundleError(f"{fault} {_OTHER_WAYS}") from error
    return roll_back(home.warehouse, reason, target.model_id)


def record_decision(warehouse: Path, attempt: Attempt, decision: Decision, compared_with: str | None) -> None:
    """Record the checks of a decision and, if it promotes, make the model the champion, in one transaction.

    `compared_with` is the champion then, if there was one. Does nothing if the decision promotes the present champion.
    Raises `WarehouseError` if another model became the champion since.
    """
    model_id = attempt.model_id
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        if not connection.execute("SELECT 1 FROM models WHERE model_id = ?", [model_id]).fetchall():
            raise WarehouseError(
                f"No model {model_id!r} is recorded, so it can't be the champion. "
                "Next: choose a model that `reviews models` lists, or train this one."
            )
        champion = read_champion(connection)
        present = champion.model_id if champion else None
        if decision.promote and present == model_id:
            return
        if decision.promote and present != compared_with:
            raise WarehouseError(
                f"Another model became the champion while {model_id} was compared with {compared_with or 'none'}, so "
                f"it is not promoted. Next: reviews models promote {model_id}"
            )
        [(last,)] = connection.execute("SELECT coalesce(max(decision), 0) FROM gate_checks").fetchall()
        common = {
            "decision": last + 1,
            "model_id": model_id,
            "compared_with": compared_with,
            "mode": attempt.mode,
            "promoted": decision.promote,
            "run_id": attempt.run_id,
        }
        for check in decision.checks:
            figures = {name: drop_nan(value) for name, value in vars(check).items()}
            connection.execute(_ADD_CHECK, {**common, **figures})
        if decision.promote:
            _change_champion(connection, "promote", model_id, decision.reason, compared_with)


def roll_back(warehouse: Path, reason: str, model_id: str | None = None) -> PromotedModel:
    """Change the champion in the database back to `model_id`, by default the one before the present, and return it.

    Each further call goes back one more: a champion that was rolled back is no longer an earlier champion.
    """
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        target, present = _choose_rollback(connection, model_id)
        return _change_champion(connection, "rollback", target, reason, present)


def _choose_rollback(connection: duckdb.DuckDBPyConnection, model_id: str | None) -> tuple[str, str]:
    """Return the ids of the champion to go back to (`model_id`, by default the previous one) and of the present one.

    Raises `WarehouseError` if there is no such earlier champion.
    """
    *earlier, present = _list_champions(connection) or [""]
    target = model_id or (earlier[-1] if earlier else None)
    if target is None or target not in earlier:
        raise WarehouseError(
            f"There is no earlier champion{f' {model_id}' if model_id else ''} to go back to. (A champion that was "
            "rolled back does not count.) Next: promote a model instead; `reviews models` lists them."
        )
    return target, present


def _change_champion(
    connection: duckdb.DuckDBPyConnection, action: str, model_id: str, reason: str, compared_with: str | None
) -> PromotedModel:
    """Record a promotion or rollback, which changes the champion, and return the new champion."""
    row = {"action": action, "model_id": model_id, "reason": reason, "compared_with": compared_with}
    connection.execute(_ADD_PROMOTION, {**row, "by": name_user()})
    connection.execute(_FIND_SCORED, {"model_id": model_id})
    settle_scores(connection, "files_of_champion")
    end_promoted(connection, model_id)
    pass_fault_point("train: inside promotion")
    champion = read_champion(connection)
    if champion is None:
        raise WarehouseError(f"The {action} of {model_id!r} was not recorded. Next: try again.")
    return champion


def _list_champions(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the ids of the champions in order of promotion, the present one last, without those rolled back."""
    champions: list[str] = []
    query = "SELECT action, model_id FROM promotions ORDER BY number"
    for action, model_id in connection.execute(query).fetchall():
        if action == "rollback" and model_id in champions:
            while champions[-1] != model_id:
                champions.pop()
        else:
            champions.append(model_id)
    return champions
