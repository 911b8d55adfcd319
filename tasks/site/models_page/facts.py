"""Reads what the page of the models shows: how each was trained and tested, how it did since, and which scored when."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.storage.home import Home
from models.bundle.reading_facts import has_bundle
from tasks.queries.run_query import Ask
from tasks.report.names_and_commands import SLICE_WORDS
from tasks.report.run_choice import Row
from tasks.site.models_page.kept_comparison import find_comparison

if TYPE_CHECKING:
    from models.evaluation.gate import GateCheck

MODELS_SHOWN, PROMOTIONS_SHOWN = 30, 100

# What each model did: every row that it scored, since a review that came again may have been scored by others then.
_DESCRIBE_MODELS = """
WITH scored AS (
    SELECT model_id, sum(rows)::BIGINT AS reviews FROM scored_days GROUP BY model_id
),
judged AS (
    SELECT
        model_id, sum(labelled)::BIGINT AS judged, sum("right") / nullif(sum(labelled), 0) AS accuracy,
        sum(rated)::BIGINT AS rated, sum(stars_off) / nullif(sum(rated), 0) AS stars_off
    FROM scored_days WHERE labelled > 0 OR rated > 0 GROUP BY model_id
),
promoted AS (SELECT model_id, max(number) AS number FROM promotions GROUP BY model_id)
SELECT
    models.*, number, reviews, judged, accuracy, rated, stars_off,
    coalesce(number = (SELECT max(number) FROM promotions), false) AS is_champion
FROM models LEFT JOIN scored USING (model_id) LEFT JOIN judged USING (model_id) LEFT JOIN promoted USING (model_id)
ORDER BY is_champion DESC, number DESC NULLS LAST, trained_at DESC, model_id LIMIT $limit
"""
_LIST_PROMOTIONS = """
SELECT "at", action, model_id, compared_with, reason FROM promotions ORDER BY number DESC LIMIT $limit
"""
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
    """Read what the page of the models shows; needs the table of `make_days`."""
    models = [_complete(row, home) for row in ask(_DESCRIBE_MODELS, {"limit": MODELS_SHOWN})]
    known = dict.fromkeys([*SLICE_WORDS, *(name for row in models for name in row["slices"])])
    return ModelsFacts(
        models,
        [name for name in known if any(name in row["slices"] for row in models)],
        ask(_LIST_PROMOTIONS, {"limit": PROMOTIONS_SHOWN}),
        _read_shadow(ask, home, next((row["model_id"] for row in models if row["is_champion"]), None)),
    )


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


def _read_shadow(ask: Ask, home: Home, champion: str | None) -> ShadowFacts | None:
    """Read the shadow that was started last, and how it does; None if there never was one."""
    found = ask(_FIND_SHADOW)
    if not found:
        return None
    from tasks.warehouse.shadow.comparison import choose_rows, judge_row  # slow to import

    rows = choose_rows(find_comparison(ask, home.site, found[0]["model_id"]), champion)
    return ShadowFacts(found[0], rows, judge_row(rows[0]) if rows else None)
