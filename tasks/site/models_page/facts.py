"""Reads what the page of the models shows: how each was trained and tested, how it did since, and which scored when."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.queries import read_named
from data_contracts.storage.home import Home
from models.bundle.reading_facts import has_bundle
from tasks.pages.sections import Row
from tasks.queries.run_query import Ask
from tasks.report.names_and_commands import SLICE_WORDS

if TYPE_CHECKING:
    from models.evaluation.gate import GateCheck

MODELS_SHOWN, PROMOTIONS_SHOWN = 30, 100

_FIND_SHADOW = """
SELECT
    model_id, started_at, until, coalesce(ended_at, until) AS ended_at, ended_by, trouble, trouble_since,
    ended_at IS NULL AND (until IS NULL OR until > now()) AS is_on
FROM shadows ORDER BY number DESC LIMIT 1
"""


@dataclass(frozen=True)
class ShadowFacts:
    """The shadow that was started last, and how it does beside the champion."""

    shadow: Row
    """Of the table `shadows`, with `is_on`."""
    comparison: Sequence[Row]
    """Rows of `shadow_comparison`, over all sources first; none without a review that both scored."""
    gate: "GateCheck | None"
    """What the gate's rule on own traffic says; None without a comparison."""


@dataclass(frozen=True)
class ModelsFacts:
    """What the page of the models shows."""

    models: Sequence[Row]
    """The champion first, then those promoted last; figures of every row that they scored. `evaluations` are the
    figures of its evaluation, by name; `has_bundle` says whether its bundle is there."""
    slices: Sequence[str]
    """The names of the slices that any of them was tested on."""
    promotions: Sequence[Row]
    """The newest first."""
    shadow: ShadowFacts | None

    @property
    def champion(self) -> Row | None:
        """The model that scores; None before the first promotion."""
        return next((row for row in self.models if row["is_champion"]), None)


def read_models(ask: Ask, home: Home) -> ModelsFacts:
    """Read what the page of the models shows; needs `keep_days`."""
    models = list_models(ask, home)
    known = dict.fromkeys([*SLICE_WORDS, *(name for row in models for name in row["slices"])])
    return ModelsFacts(
        models,
        [name for name in known if any(name in row["slices"] for row in models)],
        ask(read_named("champions").sql)[:PROMOTIONS_SHOWN],
        _read_shadow(ask, next((row["model_id"] for row in models if row["is_champion"]), None)),
    )


def list_models(ask: Ask, home: Home) -> list[Row]:
    """Return the models, the champion first; needs `keep_days`."""
    rows = ask(read_named("models-side-by-side").sql, {"limit": MODELS_SHOWN})
    return [_complete(row, home) for row in rows]


def _complete(row: Row, home: Home) -> dict[str, Any]:
    """Return a row of `models` with its evaluations, accuracy by slice, and whether its bundle is there."""
    evaluations = _read_evaluations(row["metrics"])
    slices = {str(each["name"]): each["accuracy"] for each in evaluations.get("slices") or ()}
    return {
        **row,
        "evaluations": evaluations,
        "slices": slices,
        "has_bundle": has_bundle(home.bundles / row["model_id"]),
    }


def _read_evaluations(metrics: str | None) -> Mapping[str, Any]:
    """Return the evaluations of a model by name; none of a model of which only the columns are recorded."""
    found = json.loads(metrics or "{}").get("evaluations")
    return found if isinstance(found, dict) else {}


def _read_shadow(ask: Ask, champion: str | None) -> ShadowFacts | None:
    """Read the shadow that was started last, and how it does; None if there never was one."""
    found = ask(_FIND_SHADOW)
    if not found:
        return None
    from tasks.warehouse.shadow.comparison import READ_COMPARISONS, choose_rows, judge_row  # slow to import

    rows = choose_rows(ask(READ_COMPARISONS, {"model_id": found[0]["model_id"]}), champion)
    return ShadowFacts(found[0], rows, judge_row(rows[0]) if rows else None)
