"""Reads the facts for the report of a training run: the figures of its bundle, its promotion, and other models."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import BundleError
from models.bundle.reading_facts import read_facts
from tasks.queries.run_query import Ask
from tasks.report.run_choice import LoggedRun, Row, sum_up_checks
from tasks.support.wording import drop_nan

# Older runs have no model id in their counts: then it is the model that was trained while they ran.
_FIND_MODEL = """
SELECT * FROM models
WHERE model_id = $model_id OR ($model_id IS NULL AND variant = $variant AND seed = $seed
    AND trained_at BETWEEN date_trunc('second', $started_at::TIMESTAMPTZ) AND $ended_at)
ORDER BY trained_at DESC LIMIT 1
"""
_FIND_PROMOTION = """
SELECT number, action, model_id, reason, compared_with, "at" FROM promotions
WHERE model_id = $model_id AND "at" BETWEEN $started_at AND $ended_at ORDER BY number LIMIT 1
"""
_FIND_REPLACED = "SELECT * FROM models WHERE model_id = $model_id"
_FIND_CHAMPION = "SELECT arg_max(model_id, number) AS model_id FROM promotions"
# Broken rules first, then in the gate's own order.
_LIST_GATE = """
SELECT name, passed, detail, challenger, champion, gain_lower, gain_upper, compared_with, mode
FROM gate_checks WHERE run_id = $run_id
ORDER BY passed, list_position(
    ['log_loss', 'accuracy', 'own_log_loss', 'source', 'slice', 'behaviour', 'cost'], split_part(name, ' ', 1)
), name
"""
_LIST_VARIANTS = """
SELECT *, model_id = $model_id AS is_this,
    model_id = (SELECT arg_max(model_id, number) FROM promotions) AS is_champion
FROM models QUALIFY row_number() OVER (PARTITION BY variant ORDER BY trained_at DESC, model_id) = 1
ORDER BY test_accuracy DESC NULLS LAST, variant
"""


@dataclass(frozen=True)
class TrainingFacts:
    """Everything that the report of a training run shows. A `Row` maps columns to values."""

    run: LoggedRun
    model: Row
    """The row of `models`; empty if the run trained no model."""
    bundle: Row
    """The known facts of `bundle.json`; numbers that are not finite are None."""
    decision: str | None
    """The reason of the gate's decision; None if it was not recorded."""
    promotion: Row | None
    """The row of `promotions` that this run added."""
    is_champion: bool
    """Whether the model is the champion now, whoever promoted it."""
    variants: Sequence[Row]
    """The newest model of each variant, the most accurate first."""
    checks: Sequence[Row]
    replaced: Row | None = None
    """The row of `models` of the champion that this run's promotion replaced."""
    gate: Sequence[Row] = ()
    """The gate's checks by rule, broken ones first; none if the gate was not used."""

    @property
    def promoted(self) -> bool:
        """Whether this run made its model the champion."""
        return self.promotion is not None

    @property
    def metrics(self) -> Row:
        """The evaluations by name."""
        return dict(self.bundle.get("metrics") or {})

    @property
    def test(self) -> Row:
        """The evaluation on the test reviews."""
        return dict(self.metrics.get("test") or {})

    @property
    def baseline(self) -> Row:
        """The figures of the linear baseline."""
        return dict(self.bundle.get("baseline") or {})


def read_training_facts(ask: Ask, run: LoggedRun, bundles_dir: Path) -> TrainingFacts:
    """Read everything that the report of a training run shows."""
    ended_at = run.ended_at or run.started_at
    between = {"started_at": run.started_at, "ended_at": ended_at}
    requested = {name: run.parameters.get(name) for name in ("variant", "seed")}
    models = ask(_FIND_MODEL, {"model_id": run.counts.get("model_id"), **requested, **between})
    model = models[0] if models else {}
    model_id = model.get("model_id")
    promotions = ask(_FIND_PROMOTION, {"model_id": model_id, **between})
    promotion = promotions[0] if promotions else None
    replaced = ask(_FIND_REPLACED, {"model_id": promotion["compared_with"]}) if promotion else []
    champion = ask(_FIND_CHAMPION, {})[0]["model_id"]
    return TrainingFacts(
        run=run,
        model=model,
        bundle=_read_bundle(model, bundles_dir) if model else {},
        decision=run.counts.get("decision") or (promotion["reason"] if promotion else None),
        promotion=promotion,
        is_champion=model_id is not None and model_id == champion,
        variants=ask(_LIST_VARIANTS, {"model_id": model_id}),
        checks=sum_up_checks(ask, [run.run_id]),
        replaced=replaced[0] if replaced else None,
        gate=ask(_LIST_GATE, {"run_id": run.run_id}),
    )


def _read_bundle(model: Row, bundles_dir: Path) -> dict[str, Any]:
    """Return the facts of the model's bundle or, if that is missing, those that the table `models` has."""
    try:
        facts = read_facts(bundles_dir / model["model_id"])
    except BundleError:
        recorded = json.loads(model["metrics"] or "{}")
        facts = {
            **{name: model[name] for name in ("model_id", "variant", "seed", "epochs", "kept_epoch")},
            "metrics": recorded.get("evaluations"),
            "history": recorded.get("history"),
            "baseline": recorded.get("baseline"),
            "hyper_parameters": json.loads(model["hyper_parameters"] or "{}"),
            "provenance": {"dataset": model["dataset"]},
            "rows": {name: model[f"{name}_rows"] for name in ("train", "validation", "test")},
            "versions": json.loads(model["versions"] or "{}"),
        }
    return dict(drop_nan(facts))
