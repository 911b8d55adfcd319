"""Makes the plan by which a file is read without a profile, from its columns' names and the facts of its values."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.review_files.inference.column_facts import (
    FileFacts,
    find_date_facts,
    find_label_facts,
    find_rating_facts,
)
from tasks.review_files.inference.decisions import Verdict, decide_dates, decide_labels, decide_ratings
from tasks.review_files.inference.recognition import Recognised, recognise_columns
from tasks.review_files.plans.missing_words import SUM_WORDS
from tasks.review_files.plans.names import is_text
from tasks.review_files.plans.reading_plan import Doubt, ReadingPlan
from tasks.review_files.raw_rows import RawRows

VALUE_COLUMNS = ("reviewed_at", "given_label", "given_rating")
"""Our columns whose values are written in many ways."""
_LONGEST_SUM = 16
"""Bytes up to which a text may be a word for a sum."""
FILE_ID = "it may number the rows of this file only"
OTHER_TITLE = "it may be the title of the review or of the movie, so it is not scored"


def has_values(rows: RawRows) -> bool:
    """Return whether rows have columns whose values must be seen in the whole file before one of them is read."""
    return any(name in rows.known for name in VALUE_COLUMNS)


def find_facts(rows: RawRows) -> FileFacts:
    """Return the facts of n raw rows, of those that have a text: a line of sums below a table is no review."""
    empty, has_text = pa.nulls(0, pa.string()), _mark_texts(rows)
    known = {name: rows.known[name].filter(has_text) for name in VALUE_COLUMNS if name in rows.known}
    columns = {name: known.get(name, empty) for name in VALUE_COLUMNS}
    return FileFacts(
        rows.names,
        dict(rows.origins),
        find_date_facts(columns["reviewed_at"]),
        find_rating_facts(columns["given_rating"]),
        find_label_facts(columns["given_label"]),
    )


def _mark_texts(rows: RawRows) -> pa.Array:
    """Return which rows, [n], have a text or a part of one, valid or not; all, if the text was not read."""
    texts = [array for name, array in rows.known.items() if is_text(name)]
    if not texts:
        return pa.repeat(True, max(map(len, rows.known.values()), default=0))
    undecoded = [place for place, defect in rows.defects.items() if defect.rule == "text_encoding"]
    is_undecoded = np.zeros(len(texts[0]), dtype=bool)
    is_undecoded[undecoded] = True
    return reduce(pc.or_, [*map(_mark_filled, texts), pa.array(is_undecoded)])


def _mark_filled(texts: pa.Array) -> pa.Array:
    """Return which texts, [n], are more than white space, and no word for a sum."""
    length = pc.binary_length(texts)
    is_none = pc.or_(pc.ascii_is_space(texts), pc.equal(length, 0))
    is_short = pc.less_equal(length, _LONGEST_SUM)
    if pc.any(is_short).as_py():
        trimmed = pc.ascii_lower(pc.ascii_trim(pc.if_else(is_short, texts, ""), " \t:"))
        is_none = pc.or_(is_none, pc.is_in(trimmed, pa.array(SUM_WORDS, pa.string())))
    return pc.fill_null(pc.invert(is_none), False)


def make_plan(facts: FileFacts) -> ReadingPlan:
    """Return the plan by which a file with these facts is read."""
    recognised = recognise_columns(facts.names)
    plan = _plan_columns(facts, recognised)
    if plan.reviewed_at is not None:
        dates, verdict = decide_dates(facts.dates)
        plan = _settle(replace(plan, dates=dates), "reviewed_at", plan.reviewed_at, verdict)
    if plan.given_label is not None:
        labels, verdict = decide_labels(facts.labels, recognised, plan.given_label)
        plan = _settle(replace(plan, labels=labels), "given_label", plan.given_label, verdict)
    if plan.given_rating is not None:
        scale, verdict = decide_ratings(facts.ratings, recognised, plan.given_rating)
        plan = _settle(replace(plan, ratings=scale), "given_rating", plan.given_rating, verdict)
    return _require_one_origin(plan, facts)


def _plan_columns(facts: FileFacts, recognised: Recognised) -> ReadingPlan:
    """Return the plan of the columns alone."""
    names = facts.names
    known = {ours: min(found) for ours, found in facts.origins.items() if found}
    plan = ReadingPlan(
        _list_texts(facts, recognised),
        known.get("review_id"),
        known.get("movie_id"),
        known.get("reviewed_at"),
        known.get("given_label"),
        known.get("given_rating"),
    )
    if recognised.platform is not None:
        plan = replace(plan, reasons={"text": f"the columns are those of {recognised.platform.name}"})
    if recognised.file_id is not None:
        plan = _settle(plan, "review_id", names[recognised.file_id], (FILE_ID, False))
    if recognised.unclear_title is not None:
        plan = _settle(plan, "text", names[recognised.unclear_title], (OTHER_TITLE, False))
    return plan


def _list_texts(facts: FileFacts, recognised: Recognised) -> tuple[str, ...]:
    """Return the columns of the text: those that are recognised, unless the text was named."""
    texts = tuple(facts.names[place] for place in recognised.text)
    named = sorted(facts.origins.get("text", ()))
    return texts if not named or set(named) & set(texts[-1:]) else tuple(named[:1])


def _settle(plan: ReadingPlan, ours: str, column: str, verdict: Verdict) -> ReadingPlan:
    """Return a plan with the reason for one of our columns, or the doubt about it."""
    words, settled = verdict
    if settled:
        return replace(plan, reasons={**plan.reasons, ours: words})
    return replace(plan, doubts=(*plan.doubts, Doubt(ours, column, words)))


def _require_one_origin(plan: ReadingPlan, facts: FileFacts) -> ReadingPlan:
    """Return the plan with a doubt about each of the dates, labels and ratings that several columns give."""
    for ours in VALUE_COLUMNS:
        origins = sorted(facts.origins.get(ours, ()))
        if len(origins) > 1:
            others = tuple(doubt for doubt in plan.doubts if doubt.field != ours)
            doubt = Doubt(ours, origins[0], f"other rows have it as '{origins[1]}'")
            plan = replace(_forget(plan, ours), doubts=(*others, doubt))
    return plan


def _forget(plan: ReadingPlan, ours: str) -> ReadingPlan:
    """Return the plan without how the values of one of our columns are written."""
    if ours == "reviewed_at":
        return replace(plan, dates=None)
    return replace(plan, labels=None) if ours == "given_label" else replace(plan, ratings=None)
