"""Records trained models, and finds them, the champion and other promoted models.

`models` has one row per bundle.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import BundleError, UsageError
from tasks.support.wording import drop_nan
from tasks.warehouse.database.duckdb_engine import begin_transaction, quote_sql
from tasks.warehouse.database.migrating import require_no_reader
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.tallies.score_sums import renew_sums


@dataclass(frozen=True)
class PromotedModel:
    """A model that is or was the champion, with its last promotion."""

    model_id: str
    variant: str
    bundle_fingerprint: str
    number: int
    """The number of the promotion or rollback that made it the champion."""
    reason: str
    since: datetime


_FIND_CHAMPION = """
SELECT model_id, variant, bundle_fingerprint, number, reason, promotions."at"
FROM promotions JOIN models USING (model_id) ORDER BY number DESC LIMIT 1
"""
_FIND_PROMOTED = _FIND_CHAMPION.replace("ORDER BY", "WHERE model_id = ? ORDER BY")
_LIST_PROMOTED = "SELECT DISTINCT model_id FROM promotions ORDER BY model_id"
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


def record_model(warehouse: Path, facts: Mapping[str, Any], code: str | None = None) -> None:
    """Record the facts of a bundle, as in its `bundle.json`, in one row; update the row of a rewritten bundle.

    `code` is the fingerprint of the code that has trained the model now; the bundle has that of the code that did so
    first. Raises `BundleError` if a fact is missing.
    """
    try:
        row = _pick_columns(facts)
    except (KeyError, TypeError) as error:
        raise BundleError(
            f"The facts of bundle {facts.get('model_id')!r} lack {error}, so it can't be recorded. Next: train again."
        ) from error
    if code is not None:
        row["code_fingerprint"] = code
    names = list(row)
    updates = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    query = (
        f"INSERT INTO models ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) "  # noqa: S608
        f"ON CONFLICT (model_id) DO UPDATE SET {updates}"
    )
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(query, list(row.values()))
        record_reference(connection, facts["model_id"], facts.get("reference", {}))


def list_models_of_code(warehouse: Path, code: str) -> set[str]:
    """Return the ids of the models that the code with a fingerprint has trained."""
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute("SELECT model_id FROM models WHERE code_fingerprint = ?", [code]).fetchall()
    return {model_id for (model_id,) in rows}


def record_reference(
    connection: duckdb.DuckDBPyConnection, model_id: str, reference: Mapping[str, Any]
) -> None:
    """Record beside a model in the registry its reference, by measure, that drift is measured against.

    A model's reference never changes, so one that is there is kept.
    """
    if connection.execute("FROM reference_measures WHERE model_id = ? LIMIT 1", [model_id]).fetchall():
        return
    for measure, facts in reference.items():
        row = [model_id, measure, facts["reviews"], facts["mean"], facts["critical_value"]]
        connection.execute("INSERT INTO reference_measures VALUES (?, ?, ?, ?, ?)", row)
        for number, reviews in enumerate(facts["counts"], start=1):
            lower = facts["lower"][number - 2] if number > 1 else -math.inf
            connection.execute(
                "INSERT INTO reference_bins VALUES (?, ?, ?, ?, ?)",
                [model_id, measure, number, lower, reviews],
            )
    renew_sums(connection, f"(FROM scored_files WHERE model_id = {quote_sql(model_id)})")


def find_champion(warehouse: Path) -> PromotedModel | None:
    """Look up the champion, the model of the last promotion or rollback, in the registry; None before the first."""
    with open_warehouse(warehouse, write=False) as connection:
        return read_champion(connection)


def find_promoted(warehouse: Path, model_id: str) -> PromotedModel | None:
    """Look up a model in the registry with its last promotion or rollback; None if it was never promoted."""
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_FIND_PROMOTED, [model_id]).fetchall()
    return PromotedModel(*rows[0]) if rows else None


def read_promoted(connection: duckdb.DuckDBPyConnection, name: str | None) -> PromotedModel:
    """Look up in the registry, through an open connection, a promoted model by its id or the beginning of it alone.

    None is the champion. Raises `BundleError` if no promoted model has the name, or if there is no champion, and
    `UsageError` if several begin with it.
    """
    if name is None:
        return require_champion(read_champion(connection))
    ids = [each for (each,) in connection.execute(_LIST_PROMOTED).fetchall()]
    rows = connection.execute(_FIND_PROMOTED, [choose_id(ids, name)]).fetchall()
    if not rows:
        raise _describe_unknown(name, ids)
    return PromotedModel(*rows[0])


def find_scoring_model(warehouse: Path, name: str | None) -> PromotedModel | None:
    """Return the promoted model that has or begins with a name, or the champion if that is None; None before the first.

    Raises the errors of `read_promoted` for a name.
    """
    if not warehouse.exists():
        if name is not None:
            raise _describe_unknown(name, [])
        return None
    with open_warehouse(warehouse, write=False) as connection:
        return read_champion(connection) if name is None else read_promoted(connection, name)


def require_champion(model: PromotedModel | None) -> PromotedModel:
    """Return the champion, or raise a `BundleError` if there is none."""
    if model is None:
        raise BundleError(
            "No model has been promoted yet, so nothing can be scored. Next: `reviews train`, or `reviews models "
            "promote MODEL` for one that `reviews models` lists. If this home has lost its database: `reviews restore`."
        )
    return model


def _describe_unknown(name: str, ids: Sequence[str]) -> BundleError:
    """Return the error for a name that no promoted model has or begins with; `ids` are those of the promoted ones."""
    known = f"Promoted are: {', '.join(ids)}" if ids else "None is promoted yet"
    return BundleError(
        f"Model {name!r} is unknown or was never promoted, so it may not score. {known}. Next: name a promoted model, "
        "or promote this one: `reviews models promote MODEL`."
    )


def choose_id(ids: Sequence[str], name: str) -> str | None:
    """Return the id that is the name, or that alone begins with it; None if there is none.

    Raises `UsageError` if several begin with it.
    """
    found = [each for each in ids if each == name] or [each for each in ids if name and each.startswith(name)]
    if len(found) > 1:
        raise UsageError(
            f"{name!r} begins the ids of several models: {', '.join(found)}. Next: write more of the id."
        )
    return found[0] if found else None


def find_model(warehouse: Path, name: str) -> dict[str, Any]:
    """Return the row of `list_models` for `name`: a model id, the unique beginning of one, or 'champion'.

    Raises `UsageError` if no model or several models match, `WarehouseError` if the home only reads a store's copy.
    """
    require_no_reader(warehouse)
    rows = list_models(warehouse)
    if name == "champion":
        found = [row for row in rows if row["is_champion"]]
    else:
        chosen = choose_id([row["model_id"] for row in rows], name)
        found = [row for row in rows if row["model_id"] == chosen]
    if found:
        return found[0]
    if name == "champion":
        raise UsageError("No model has been promoted yet. Next: reviews models promote MODEL")
    raise UsageError(f"No model {name!r} is known. `reviews models` lists the known models.")


def list_models(warehouse: Path) -> list[dict[str, Any]]:
    """Return the row of every model by column, the newest first; no rows if there is no database, which is not created.

    Adds is_champion, promoted_at, promotion_reason, and of the gate's last decision on the model the number of its
    rules, gate_rules, and of the rules that held, gate_rules_held.
    """
    if not warehouse.exists():
        return []
    with open_warehouse(warehouse, write=False) as connection:
        result = connection.execute(_LIST_MODELS)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def read_champion(connection: duckdb.DuckDBPyConnection) -> PromotedModel | None:
    """Look up the champion in the registry through an open connection; None before the first promotion."""
    rows = connection.execute(_FIND_CHAMPION).fetchall()
    return PromotedModel(*rows[0]) if rows else None


def _pick_columns(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of `models` from the facts of a bundle, the key first."""
    prints, metrics, rows, own = facts["fingerprints"], facts["metrics"], facts["rows"], facts.get("own")
    in_json = {
        "hyper_parameters": facts["hyper_parameters"],
        "metrics": {"evaluations": metrics, "history": facts["history"], "baseline": facts["baseline"]},
        "versions": facts["versions"],
    }
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
        **{name: json.dumps(drop_nan(value), allow_nan=False) for name, value in in_json.items()},
        "trained_at": facts["trained_at"],
        # Until when labels of sources may have been learnt from; None where none changed a score.
        "own_labels_until": facts["trained_at"] if own and own["base"] != facts["model_id"] else None,
    }


def _pick_ratings(facts: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the measures of the predicted ratings; all are None in bundles made before star ratings were fitted."""
    measures, interval = facts["metrics"].get("rating", {}), facts.get("rating", {}).get("interval", {})
    figures = {
        **{f"rating_interval_{name}": interval.get(name) for name in ("title", "review")},
        **{f"test_rating_{name}": measures.get(name) for name in ("mae", "rmse", "spearman")},
        **{f"test_{name}": measures.get(name) for name in ("title_spearman", "title_pearson")},
    }
    return {name: drop_nan(value) for name, value in figures.items()}


def _pick_metrics(split: str, evaluation: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the columns of the registry for a split's metrics."""
    figures = {
        "accuracy": evaluation["accuracy"],
        "auc": evaluation["auc"],
        "log_loss": evaluation["log_loss"],
        "ece": evaluation["calibration_error"],
    }
    return {f"{split}_{name}": drop_nan(value) for name, value in figures.items()}
