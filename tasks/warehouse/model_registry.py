"""The models that were trained, and which of them is the champion.

`models` has one row per bundle, `promotions` one per change of champion: nothing is ever taken back there, a
rollback is a row more. `gate_checks` has the rules by which the gate decided.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from data_contracts.errors import BundleError, UsageError, WarehouseError
from data_contracts.storage.faults import pass_fault_point
from tasks.support.wording import drop_nan
from tasks.warehouse.connection import begin_transaction, open_warehouse

if TYPE_CHECKING:
    from models.evaluation.gate import Decision


@dataclass(frozen=True)
class PromotedModel:
    """The model that scores, and since when and why it does."""

    model_id: str
    variant: str
    bundle_fingerprint: str
    number: int
    """Of the promotion or rollback that made it the champion."""
    reason: str
    since: datetime


@dataclass(frozen=True)
class KeptDecision:
    """A decision of the gate on a model, and what it was made for, as it is kept."""

    decision: "Decision"
    model_id: str
    compared_with: str | None
    """The champion that the model was compared with; None where there was none."""
    mode: str
    """One of `models.evaluation.gate.PROMOTE_MODES`."""
    run_id: str | None = None
    """Of the training that made the model."""


_FIND_CHAMPION = """
SELECT model_id, variant, bundle_fingerprint, number, reason, promotions."at"
FROM promotions JOIN models USING (model_id) ORDER BY number DESC LIMIT 1
"""
_FIND_PROMOTED = _FIND_CHAMPION.replace("ORDER BY", "WHERE model_id = ? ORDER BY")
_ADD_PROMOTION = """
INSERT INTO promotions (number, action, model_id, reason, compared_with, "at")
SELECT coalesce(max(number), 0) + 1, $action, $model_id, $reason, $compared_with, now() FROM promotions
"""
_ADD_CHECK = """
INSERT INTO gate_checks SELECT
    $decision, $name, $model_id, $compared_with, $mode, $promoted, $passed, $detail, $challenger, $champion,
    $lower, $upper, $run_id, now()
"""
_LIST_MODELS = """
WITH promoted AS (
    SELECT model_id, max(number) AS number, arg_max(reason, number) AS reason, arg_max("at", number) AS promoted_at
    FROM promotions GROUP BY model_id
), judged AS (
    SELECT model_id, count(*) AS gate_rules, count_if(passed) AS gate_rules_held
    FROM gate_checks SEMI JOIN (SELECT max(decision) AS decision FROM gate_checks GROUP BY model_id) USING (decision)
    GROUP BY model_id
)
SELECT
    models.*, coalesce(number = (SELECT max(number) FROM promotions), false) AS is_champion,
    promoted_at, reason AS promotion_reason, gate_rules, gate_rules_held
FROM models LEFT JOIN promoted USING (model_id) LEFT JOIN judged USING (model_id) ORDER BY trained_at DESC, model_id
"""


def record_model(warehouse: Path, facts: Mapping[str, Any]) -> None:
    """Keep one row of a bundle's facts, as they stand in its `bundle.json`; a bundle written anew renews it.

    Raises `BundleError` if a fact is missing.
    """
    try:
        row = _pick_columns(facts)
    except (KeyError, TypeError) as error:
        raise BundleError(
            f"The facts of bundle {facts.get('model_id')!r} lack {error}: it can't be recorded. Next: train again."
        ) from error
    names = list(row)
    renewed = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    query = (
        f"INSERT INTO models ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608
        f"ON CONFLICT (model_id) DO UPDATE SET {renewed}"
    )
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(query, list(row.values()))
        record_reference(connection, facts["model_id"], facts.get("reference", {}))


def record_reference(
    connection: duckdb.DuckDBPyConnection, model_id: str, reference: Mapping[str, Any]
) -> None:
    """Keep what a run's scores are held against; a model's never changes, so what is there stays."""
    for measure, found in reference.items():
        whole = [model_id, measure, found["reviews"], found["mean"], found["critical_value"]]
        connection.execute(
            "INSERT INTO reference_measures VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", whole
        )
        for number, reviews in enumerate(found["counts"], start=1):
            lower = found["lower"][number - 2] if number > 1 else -math.inf
            connection.execute(
                "INSERT INTO reference_bins VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [model_id, measure, number, lower, reviews],
            )


def find_champion(warehouse: Path) -> PromotedModel | None:
    """Give the model of the last promotion or rollback, None before the first."""
    with open_warehouse(warehouse, write=False) as connection:
        return _read_champion(connection)


def find_promoted(warehouse: Path, model_id: str) -> PromotedModel | None:
    """Give the last promotion or rollback that made a model the champion, None if there never was one."""
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_FIND_PROMOTED, [model_id]).fetchall()
    return PromotedModel(*rows[0]) if rows else None


def read_promoted(connection: duckdb.DuckDBPyConnection, model_id: str | None) -> PromotedModel:
    """Give the model that is to score, by an open connection: the named one, else the champion.

    Raises `BundleError` where it was never promoted, or none was.
    """
    if model_id is None:
        return require_promoted(_read_champion(connection), model_id)
    rows = connection.execute(_FIND_PROMOTED, [model_id]).fetchall()
    return require_promoted(PromotedModel(*rows[0]) if rows else None, model_id)


def find_scoring_model(warehouse: Path, model_id: str | None) -> PromotedModel | None:
    """Give the champion if there is one, or the named model, which must have been promoted once."""
    model = None
    if warehouse.exists():
        model = find_champion(warehouse) if model_id is None else find_promoted(warehouse, model_id)
    return model if model_id is None else require_promoted(model, model_id)


def require_promoted(model: PromotedModel | None, model_id: str | None) -> PromotedModel:
    """Give the model that was found; where there is none, raise what there is to say of it."""
    if model is not None:
        return model
    if model_id is None:
        raise BundleError(
            "No model has been promoted yet, so nothing can be scored. Run `reviews train` first."
        )
    raise BundleError(
        f"Model {model_id!r} was never promoted, or is not known (whole ids alone are), so it does not score. Next: "
        "name one that `reviews models` lists and that was promoted, or promote it: `reviews models promote MODEL`."
    )


def keep_decision(warehouse: Path, kept: KeptDecision) -> None:
    """Keep the checks of a decision and, where it promotes, make the model the champion: all of it or nothing.

    A model that is the champion already is not promoted once more, and nothing is kept. Raises `WarehouseError` where
    another model became the champion since the comparison.
    """
    decision, model_id, compared_with = kept.decision, kept.model_id, kept.compared_with
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        _require_model(connection, model_id)
        champion = _read_champion(connection)
        present = champion.model_id if champion else None
        if decision.promote and present == model_id:
            return
        if decision.promote and present != compared_with:
            raise WarehouseError(
                f"Another model became the champion while {model_id} was compared with {compared_with or 'none'}, so "
                f"it is not promoted. Next: reviews models promote {model_id}"
            )
        _add_checks(connection, kept)
        if decision.promote:
            _change_champion(connection, "promote", model_id, decision.reason, compared_with)


def _add_checks(connection: duckdb.DuckDBPyConnection, kept: KeptDecision) -> None:
    [(last,)] = connection.execute("SELECT coalesce(max(decision), 0) FROM gate_checks").fetchall()
    of_all = {
        "decision": last + 1,
        "model_id": kept.model_id,
        "compared_with": kept.compared_with,
        "mode": kept.mode,
        "promoted": kept.decision.promote,
        "run_id": kept.run_id,
    }
    for check in kept.decision.checks:
        figures = {name: drop_nan(value) for name, value in vars(check).items()}
        connection.execute(_ADD_CHECK, {**of_all, **figures})


def roll_back(warehouse: Path, reason: str, model_id: str | None = None) -> PromotedModel:
    """Make `model_id`, else the champion before the present one, the champion again.

    Repeated, it goes back further: what was rolled back from does not come back by itself.
    """
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        target, present = _choose_earlier(connection, model_id)
        return _change_champion(connection, "rollback", target, reason, present)


def find_rollback_target(warehouse: Path, model_id: str | None = None) -> PromotedModel:
    """Give the model that `roll_back` would make the champion, as of its last promotion; raises as that does."""
    with open_warehouse(warehouse, write=False) as connection:
        target, _ = _choose_earlier(connection, model_id)
        return PromotedModel(*connection.execute(_FIND_PROMOTED, [target]).fetchall()[0])


def find_model(warehouse: Path, name: str) -> dict[str, Any]:
    """Give the row of `list_models` that `name` means: a model_id, how one alone begins, or 'champion'.

    Raises `UsageError` where it means none or several.
    """
    rows = list_models(warehouse)
    if name == "champion":
        found = [row for row in rows if row["is_champion"]]
    else:
        found = [row for row in rows if row["model_id"] == name] or [
            row for row in rows if name and row["model_id"].startswith(name)
        ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(row["model_id"] for row in found)
        raise UsageError(f"{name!r} begins the ids of several models: {names}. Next: write more of it.")
    if name == "champion":
        raise UsageError("No model has been promoted yet. Next: reviews models promote MODEL")
    raise UsageError(f"No model {name!r} is known. `reviews models` lists those that are.")


def list_models(warehouse: Path) -> list[dict[str, Any]]:
    """Give every model, the newest first, by column; with is_champion, promoted_at and promotion_reason.

    And with the rules of the gate in its last decision on the model, and how many held: gate_rules, gate_rules_held.
    Without a database there are none, and none is made.
    """
    if not warehouse.exists():
        return []
    with open_warehouse(warehouse, write=False) as connection:
        result = connection.execute(_LIST_MODELS)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _choose_earlier(connection: duckdb.DuckDBPyConnection, model_id: str | None) -> tuple[str, str]:
    """Give the champion to go back to, the named one or the one before, and the present one."""
    *earlier, present = _list_standing(connection) or [""]
    target = model_id or (earlier[-1] if earlier else None)
    if target is None or target not in earlier:
        raise WarehouseError(
            f"There is no earlier champion{f' {model_id}' if model_id else ''} to go back to. "
            "(What was rolled back from is none.) Next: promote a model instead; `reviews models` lists them."
        )
    return target, present


def _require_model(connection: duckdb.DuckDBPyConnection, model_id: str) -> None:
    if not connection.execute("SELECT 1 FROM models WHERE model_id = ?", [model_id]).fetchall():
        raise WarehouseError(
            f"No model {model_id!r} is recorded, so it can't be the champion. "
            "Next: choose one that `reviews models` lists, or train it."
        )


def _change_champion(
    connection: duckdb.DuckDBPyConnection, action: str, model_id: str, reason: str, compared_with: str | None
) -> PromotedModel:
    row = {"action": action, "model_id": model_id, "reason": reason, "compared_with": compared_with}
    connection.execute(_ADD_PROMOTION, row)
    pass_fault_point("train: inside promotion")
    champion = _read_champion(connection)
    if champion is None:
        raise WarehouseError(f"The {action} of {model_id!r} was not kept. Next: try again.")
    return champion


def _read_champion(connection: duckdb.DuckDBPyConnection) -> PromotedModel | None:
    rows = connection.execute(_FIND_CHAMPION).fetchall()
    return PromotedModel(*rows[0]) if rows else None


def _list_standing(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Give the champions that a rollback can go back to, the present one last."""
    standing: list[str] = []
    query = "SELECT action, model_id FROM promotions ORDER BY number"
    for action, model_id in connection.execute(query).fetchall():
        if action == "rollback" and model_id in standing:
            while standing[-1] != model_id:
                standing.pop()
        else:
            standing.append(model_id)
    return standing


def _pick_columns(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a bundle's facts out as the columns of `models`, its key first."""
    prints, metrics, rows = facts["fingerprints"], facts["metrics"], facts["rows"]
    everything = {"evaluations": metrics, "history": facts["history"], "baseline": facts["baseline"]}
    return {
        "model_id": facts["model_id"],
        "variant": facts["variant"],
        "seed": facts["seed"],
        "epochs": facts["epochs"],
        "kept_epoch": facts["kept_epoch"],
        "dataset": facts["provenance"]["dataset"],
        "data_fingerprint": prints["data"],
        "code_fingerprint": prints["code"],
        "bundle_fingerprint": prints["bundle"],
        **{f"{split}_rows": rows[split] for split in ("train", "validation", "test")},
        **_pick_metrics("validation", metrics["validation"]),
        **_pick_metrics("test", metrics["test"]),
        "test_accuracy_unseen_texts": metrics["test_unseen_texts"]["accuracy"],
        "baseline_test_accuracy": facts["baseline"]["test_accuracy"],
        **_pick_ratings(facts),
        "hyper_parameters": _write_json(facts["hyper_parameters"]),
        "metrics": _write_json(everything),
        "versions": _write_json(facts["versions"]),
        "trained_at": facts["trained_at"],
    }


def _pick_ratings(facts: Mapping[str, Any]) -> dict[str, float | None]:
    """Give how well the stars fit; a bundle from before they were fitted has none of it."""
    found, interval = facts["metrics"].get("rating", {}), facts.get("rating", {}).get("interval", {})
    figures = {
        **{f"rating_interval_{name}": interval.get(name) for name in ("title", "review")},
        **{f"test_rating_{name}": found.get(name) for name in ("mae", "rmse", "spearman")},
        **{f"test_{name}": found.get(name) for name in ("title_spearman", "title_pearson")},
    }
    return {name: drop_nan(value) for name, value in figures.items()}


def _pick_metrics(split: str, evaluation: Mapping[str, Any]) -> dict[str, float | None]:
    figures = {
        "accuracy": evaluation["accuracy"],
        "auc": evaluation["auc"],
        "log_loss": evaluation["log_loss"],
        "ece": evaluation["calibration_error"],
    }
    return {f"{split}_{name}": drop_nan(value) for name, value in figures.items()}


def _write_json(value: Any) -> str:
    return json.dumps(drop_nan(value), allow_nan=False)
