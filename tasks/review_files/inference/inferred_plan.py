"""Makes the plan by which a file is read without a profile, from its columns' names and the facts of its values."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from functools import reduce
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.rules_and_limits import STEP_OF_FILE
from tasks.review_files.inference.column_facts import (
    FileFacts,
    find_label_facts,
    find_label_pairs,
    find_movie_ratings,
    find_rating_facts,
    find_stated,
)
from tasks.review_files.inference.column_recognition import Recognised, recognise_columns
from tasks.review_files.inference.date_decisions import Verdict, decide_dates
from tasks.review_files.inference.date_facts import find_date_facts
from tasks.review_files.inference.known_column_names import (
    ANSWER,
    COLUMN_NAMES,
    FOREIGN_COMMENTS,
    FOREIGN_OPINIONS,
    GERMAN_TEXTS,
    HOTEL_STARS,
    HOTELS,
    OTHER_LABELS,
    OTHER_TARGET,
    SCALE_COLUMNS,
)
from tasks.review_files.inference.name_doubts import RIVALS, VALUE_COLUMNS, doubt_names, find_differing
from tasks.review_files.inference.platforms import HELP_DESK
from tasks.review_files.inference.rating_decisions import (
    FIVE_STARS,
    MARKS,
    NO_NUMBER,
    decide_labels,
    decide_ratings,
    find_stated_scale,
    prefer_filled,
    suggest_bounds,
)
from tasks.review_files.plans.missing_words import SUM_WORDS
from tasks.review_files.plans.normalized_names import is_text, normalize_known, quote_name, strip_remarks
from tasks.review_files.plans.ratings import AS_FOUND
from tasks.review_files.plans.reading_plan import Doubt, RatingScale, ReadingPlan
from tasks.review_files.raw_rows import RawRows, describe_last, mark_blank_starts, measure_texts
from tasks.support.refusals import refusal

SURVEYED = (*VALUE_COLUMNS, *SCALE_COLUMNS, ANSWER, OTHER_LABELS, OTHER_TARGET, *RIVALS.values(), "movie_id")
"""Those, the columns that say how ratings or labels are meant, and those that may be ours as well."""
_OURS = {
    "dates": "reviewed_at",
    "ratings": "given_rating",
    "labels": "given_label",
    "highest": "highest_rating",
    "lowest": "lowest_rating",
    "answers": ANSWER,
    "other_labels": OTHER_LABELS,
    "rival_ratings": RIVALS["given_rating"],
    "targets": OTHER_TARGET,
}
_FINDERS: dict[str, Callable[[pa.ChunkedArray], Any]] = {
    "dates": find_date_facts,
    "ratings": find_rating_facts,
    "labels": find_label_facts,
    "highest": find_stated,
    "lowest": find_stated,
    "answers": find_label_facts,
    "other_labels": find_label_facts,
    "rival_ratings": find_rating_facts,
    "targets": find_stated,
}
"""What finds the facts of a column, by their field of `FileFacts`."""
_LONGEST_SUM = 16
"""Bytes up to which a text may be a word for a sum."""
_SUM_WORDS = pa.array(SUM_WORDS, pa.string())
_FEWEST_OPPOSED, _TIMES_ALIKE = 3, 2
"""Rows in which a second column of labels says the opposite, and times those that say the same, of a doubt."""
_MOST_VALUES = 6
"""Labels that a doubt has, so that a profile can be proposed."""
_STARS, _FEWEST_STARS = frozenset(map(str, range(1, 6))), 3
RATINGS = "its numbers are no labels of such a file, so they may be ratings"
FILE_ID = "it may number the rows of this file only"
OPINIONS = "some of its values have several words, so they are no ratings"
OF_HOTELS = "they may be the stars of what is reviewed, such as a hotel, not those that the writers gave"
OTHER_REMARK = "the remark in brackets may say that it is something else, or written otherwise"
HEADINGS = (
    "only rows without a text have it, so that it may be a heading above reviews"
    f"{STEP_OF_FILE}write it into each row"
)
_MARK = re.compile(r"\s*note(?:[\W\d]|bis|to|max|schule|optional)*", re.IGNORECASE)
"""The name of a rating that may be a mark, as at school: no word of it says that it is something else."""
_HIGHEST_MARK = 6
"""The worst of German schools; that of Austrian ones is 5."""
_FEWEST_HEADINGS, _MOST_HEADINGS = 2, 20
OTHER_TITLE = "it may be the title of the review or of the movie, so it is not scored"


def has_values(rows: RawRows) -> bool:
    """Return whether rows have columns whose values must be seen in the whole file before one of them is read."""
    return any(name in rows.known for name in VALUE_COLUMNS)


def find_facts(batches: Sequence[RawRows]) -> FileFacts:
    """Return the facts of raw rows, of those that have a text: a line of sums below a table is no review.

    Batches with the same columns are looked at together, since Arrow takes some time for each call.
    """
    groups = groupby(batches, lambda rows: (rows.names, rows.known.keys(), rows.origins))
    return reduce(FileFacts.merge, (_find_facts_of_group(list(group)) for _, group in groups), FileFacts())


def _find_facts_of_group(batches: Sequence[RawRows]) -> FileFacts:
    """Return the facts of raw rows with the same columns."""
    first = batches[0]
    doubts = tuple(dict.fromkeys(doubt for rows in batches for doubt in rows.doubts))
    facts = FileFacts(first.names, dict(first.origins), doubts=doubts)
    columns = {name: _join(batches, name) for name in SURVEYED if name in first.known}
    if columns and any(map(is_text, first.known)):
        has_text = np.concatenate(list(map(_mark_texts, batches)))
        facts = replace(facts, has_texts=bool(has_text.any()))
        if not has_text.all():
            if "movie_id" in columns:
                above = columns["movie_id"].filter(pa.array(~has_text))
                facts = replace(facts, headings=frozenset(_find_headings(above)))
            columns = {name: column.filter(pa.array(has_text)) for name, column in columns.items()}
    facts = replace(facts, has_movies=_has_any(columns.get("movie_id")))
    finders = {name: find for name, find in _FINDERS.items() if _OURS[name] in columns}
    found = {name: find(columns[_OURS[name]]) for name, find in finders.items()}
    return replace(facts, **found, **_compare(columns))


def _compare(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Any]:
    """Return the facts of columns of n values that pairs of them show, by their field of `FileFacts`."""
    found: dict[str, Any] = {"differing": find_differing(columns)}
    if "given_label" in columns and OTHER_LABELS in columns:
        found["label_pairs"] = find_label_pairs(columns["given_label"], columns[OTHER_LABELS])
    for facts, ours in (("by_movie", "given_rating"), ("rival_by_movie", RIVALS["given_rating"])):
        if "movie_id" in columns and ours in columns:
            found[facts] = find_movie_ratings(columns["movie_id"], columns[ours])
    return found


def _join(batches: Sequence[RawRows], name: str) -> pa.ChunkedArray:
    """Return one of our columns of several batches."""
    return pa.chunked_array([rows.known[name] for rows in batches])


def _has_any(movies: pa.ChunkedArray | None) -> bool:
    """Return whether one of n movies, if there are any, is not empty."""
    return movies is not None and bool(pc.any(pc.not_equal(movies, "")).as_py())


def _find_headings(movies: pa.ChunkedArray) -> Iterator[str]:
    """Yield some different movies of rows without a text, which are neither sums nor footers."""
    for movie in movies.unique().drop_null().to_pylist()[:_MOST_HEADINGS]:
        if movie.strip(" \t:").casefold() not in ("", *SUM_WORDS) and describe_last([movie], 0) is None:
            yield movie


def _mark_texts(rows: RawRows) -> NDArray[np.bool_]:
    """Return which rows, [n], have a text or a part of one, valid or not."""
    filled = reduce(np.logical_or, (_mark_filled(rows.known[name]) for name in filter(is_text, rows.known)))
    undecoded = [place for place, defect in rows.defects.items() if defect.rule == "text_encoding"]
    filled[undecoded] = True
    return filled


def _mark_filled(texts: pa.Array) -> NDArray[np.bool_]:
    """Return which texts, [n], are more than white space, and no word for a sum."""
    filled: NDArray[np.bool_] = texts.is_valid().to_numpy(zero_copy_only=False)
    lengths = measure_texts(texts)
    places = np.flatnonzero(filled & ((lengths <= _LONGEST_SUM) | mark_blank_starts(texts)))
    if len(places):
        found = texts.take(pa.array(places))
        is_sum = pc.is_in(pc.ascii_lower(pc.ascii_trim(found, " \t:")), _SUM_WORDS)
        is_short = pa.array(lengths[places] <= _LONGEST_SUM)
        is_blank = pc.or_(pc.ascii_is_space(found), pc.equal(found, ""))
        filled[places] = ~pc.or_(is_blank, pc.and_(is_short, is_sum)).to_numpy(zero_copy_only=False)
    return filled


def make_plan(facts: FileFacts) -> ReadingPlan:
    """Return the plan by which a file with these facts is read."""
    facts, recognised = prefer_filled(facts, recognise_columns(facts.names))
    plan = _plan_columns(facts, recognised)
    if plan.reviewed_at is not None:
        dates, verdict = decide_dates(facts.dates)
        plan = _settle(replace(plan, dates=dates), "reviewed_at", plan.reviewed_at, verdict)
    if plan.given_label is not None:
        plan = _plan_labels(facts, recognised, plan, plan.given_label)
    if plan.given_rating is not None and "given_rating" in facts.origins:
        plan = _plan_ratings(facts, recognised, plan, plan.given_rating)
    doubts = {**dict.fromkeys(recognised.remarked, OTHER_REMARK), **doubt_names(facts)}
    for ours in sorted(doubts):
        plan = _doubt_column(plan, ours, doubts[ours])
    if plan.movie_id is not None and _are_headings(facts):
        plan = _settle(plan, "movie_id", plan.movie_id, (HEADINGS, False))
    plan = replace(plan, doubts=(*plan.doubts, *facts.doubts))
    return _require_one_origin(plan, facts)


def _plan_labels(facts: FileFacts, recognised: Recognised, plan: ReadingPlan, column: str) -> ReadingPlan:
    """Return the plan with how the labels of a column are read; they may be ratings."""
    if _are_ratings(facts.labels.labels, recognised):
        doubt = Doubt("given_rating", column, RATINGS)
        return replace(plan, given_label=None, given_rating=column, doubts=(*plan.doubts, doubt))
    labels, (words, settled) = decide_labels(facts.labels, recognised, column, facts.answers)
    some = sorted(facts.labels.labels)[:_MOST_VALUES]
    if labels is not None and (opposed := _doubt_opposed(facts, recognised, labels)):
        labels, words, settled = None, opposed, False
    return _settle(replace(plan, labels=labels), "given_label", column, (words, settled), some)


def _doubt_opposed(facts: FileFacts, recognised: Recognised, labels: Mapping[str, str | None]) -> str | None:
    """Return why `labels` are in doubt: a second column mostly says the opposite; None if it does not."""
    place = recognised.beside.get(OTHER_LABELS)
    if place is None:
        return None
    others, _ = decide_labels(facts.other_labels, recognised, facts.names[place])
    both = [
        (labels.get(label), (others or {}).get(other), rows)
        for (label, other), rows in facts.label_pairs.items()
    ]
    opposed = sum(rows for label, other, rows in both if label and other and label != other)
    alike = sum(rows for label, other, rows in both if label and label == other)
    if opposed < _FEWEST_OPPOSED or opposed < _TIMES_ALIKE * alike:
        return None
    return f"{quote_name(facts.names[place])} says the opposite in most rows"


def _are_headings(facts: FileFacts) -> bool:
    """Return whether the movies may be headings above reviews: rows with a text have none."""
    return len(facts.headings) >= _FEWEST_HEADINGS and facts.has_texts and not facts.has_movies


def _are_ratings(labels: Set[str], recognised: Recognised) -> bool:
    """Return whether the scores of a help desk are several numbers from 1 to 5 instead of its words."""
    platform = recognised.platform
    if platform is None or platform.name != HELP_DESK or "given_rating" in recognised.known:
        return False
    return len(labels) >= _FEWEST_STARS and labels <= _STARS


def _plan_ratings(facts: FileFacts, recognised: Recognised, plan: ReadingPlan, column: str) -> ReadingPlan:
    """Return the plan with how the ratings of a column are read."""
    stated = find_stated_scale(facts.highest, facts.lowest)
    averages = facts.by_movie.are_averages
    scale, verdict = decide_ratings(facts.ratings, recognised, column, stated, averages)
    doubt = _doubt_marks(facts, recognised, plan, column) or _doubt_ratings(facts, plan, column, verdict[0])
    if doubt:
        scale, verdict = None, (doubt, False)
    plan = replace(plan, ratings=scale, has_ratings=facts.ratings.has_any())
    return _settle(plan, "given_rating", column, verdict, suggest_bounds(facts.ratings))


def _doubt_marks(facts: FileFacts, recognised: Recognised, plan: ReadingPlan, column: str) -> str | None:
    """Return why ratings called `Note` or `Note (1-6)` are in doubt beside a text with a German name."""
    if not (plan.text and _is_one_of(plan.text[-1], GERMAN_TEXTS) and _MARK.fullmatch(column)):
        return None
    hint, ratings = recognised.hint or RatingScale(1, _HIGHEST_MARK), facts.ratings
    are_marks = hint.lowest == 1 and max(hint.highest, ratings.highest) <= _HIGHEST_MARK and not facts.highest
    return MARKS if are_marks and ratings.plain else None


def _doubt_ratings(facts: FileFacts, plan: ReadingPlan, column: str, words: str) -> str | None:
    """Return why ratings are in doubt by the columns beside them; None if they are not. `words`: how they are read."""
    if _has_opinions(facts, plan):
        return OPINIONS
    are_of_hotels = _is_one_of(column, HOTEL_STARS) and _is_one_of(plan.movie_id, HOTELS)
    if words != FIVE_STARS or facts.by_movie.vary or not (are_of_hotels or facts.by_movie.are_alike):
        return None
    return OF_HOTELS


def require_one_opinion(plan: ReadingPlan) -> None:
    """Refuse (text_column_doubled) a file with a text that may be a shop's remark on the opinion beside it.

    The opinion was taken for the rating by its name, but no value of it is a number, or some have several words.
    """
    in_doubt = {doubt.column for doubt in plan.doubts if doubt.reason in (NO_NUMBER, OPINIONS)}
    opinions = [name for name in in_doubt if _is_one_of(name, FOREIGN_OPINIONS)]
    if opinions and _may_be_remark(plan):
        problem = f"{quote_name(opinions[0])} or {quote_name(plan.text[-1])}, which may be a remark on it"
        raise refusal("text_column_doubled", f"the text is {problem}")


def _has_opinions(facts: FileFacts, plan: ReadingPlan) -> bool:
    """Return whether a column called an opinion has texts, not ratings alone, beside a text that may be a remark."""
    is_opinion = _is_one_of(plan.given_rating, FOREIGN_OPINIONS)
    return is_opinion and _may_be_remark(plan) and any(len(word.split()) > 1 for word in facts.ratings.words)


def _may_be_remark(plan: ReadingPlan) -> bool:
    """Return whether the text has a name that a shop's remark may have."""
    return bool(plan.text) and _is_one_of(plan.text[-1], FOREIGN_COMMENTS)


def _is_one_of(name: str | None, known: tuple[str, ...]) -> bool:
    """Return whether a column has one of the known names."""
    return name is not None and strip_remarks(name) in normalize_known(known)


def _plan_columns(facts: FileFacts, recognised: Recognised) -> ReadingPlan:
    """Return the plan of the columns alone."""
    names = facts.names
    known = {ours: _choose_origin(ours, found) for ours, found in facts.origins.items() if found}
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
    for ours in ("review_id", "movie_id"):
        others = facts.origins.get(ours, frozenset()) - {plan.name_column(ours)}
        if others:
            reason = f"other rows have it as {quote_name(min(others))}"
            plan = _settle(plan, ours, "", (reason, True))
    if recognised.file_id is not None:
        plan = _settle(plan, "review_id", names[recognised.file_id], (FILE_ID, False))
    if recognised.unclear_title is not None:
        plan = _settle(plan, "text", names[recognised.unclear_title], (OTHER_TITLE, False))
    return plan


def _choose_origin(ours: str, found: Collection[str]) -> str:
    """Return the first of the file's columns that one of ours comes from, in the order in which names are preferred."""
    order = normalize_known(COLUMN_NAMES.get(ours, ()))
    return min(
        found,
        key=lambda name: (order.index(bare) if (bare := strip_remarks(name)) in order else len(order), name),
    )


def _list_texts(facts: FileFacts, recognised: Recognised) -> tuple[str, ...]:
    """Return the columns of the text: those that are recognised, unless the text was named.

    Those that have the text in other rows come first: a profile with all of them reads each row.
    """
    texts = tuple(facts.names[place] for place in recognised.text)
    named = sorted(facts.origins.get("text", ()))
    if named and not set(named) & set(texts[-1:]):
        return tuple(named[:1])
    return (*(name for name in named if name not in texts), *texts)


def _settle(
    plan: ReadingPlan, ours: str, column: str, verdict: Verdict, values: Sequence[str] = ()
) -> ReadingPlan:
    """Return a plan with the reason for one of our columns, or the doubt about it and its `values`."""
    words, settled = verdict
    if settled:
        return replace(plan, reasons={**plan.reasons, ours: words})
    return replace(plan, doubts=(*plan.doubts, Doubt(ours, column, words, tuple(values))))


def _require_one_origin(plan: ReadingPlan, facts: FileFacts) -> ReadingPlan:
    """Return the plan with a doubt about each of the dates, labels and ratings that several columns give."""
    for ours in VALUE_COLUMNS:
        origins = sorted(facts.origins.get(ours, ()))
        if len(origins) > 1:
            others = tuple(doubt for doubt in plan.doubts if doubt.field != ours)
            doubt = Doubt(ours, origins[0], f"other rows have it as '{origins[1]}'")
            plan = replace(_forget(plan, ours), doubts=(*others, doubt))
    return plan


def _doubt_column(plan: ReadingPlan, ours: str, reason: str) -> ReadingPlan:
    """Return the plan with all values of one of our columns kept as found for a reason, in place of other doubts."""
    column = plan.name_column(ours)
    if column is None:
        return plan
    others = tuple(doubt for doubt in plan.doubts if doubt.field != ours)
    plan = replace(_forget(plan, ours), doubts=(*others, Doubt(ours, column, reason)))
    return replace(plan, ratings=AS_FOUND) if ours == "given_rating" else plan


def _forget(plan: ReadingPlan, ours: str) -> ReadingPlan:
    """Return the plan without how the values of one of our columns are written."""
    if ours == "reviewed_at":
        return replace(plan, dates=None)
    return replace(plan, labels=None) if ours == "given_label" else replace(plan, ratings=None)
