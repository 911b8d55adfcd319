"""Proposes the profile that a file suggests: finds one column of ours after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.sources.known_profiles import find_known, resolve_known
from tasks.reading.columns import quote_names
from tasks.sources.proposal.columns import (
    choose_text,
    depends,
    is_headline,
    is_id,
    list_texts,
    rank,
    rate_name,
)
from tasks.sources.proposal.values import find_dates, find_labels, find_no_texts, find_scale
from tasks.sources.proposal.writing import Draft, Proposal, Question, change
from tasks.sources.sampling import Column, Table, sample_tables
from tasks.support.refusals import refusal

_Columns = Mapping[str, list[Column]]
"""The columns of each part of ours, and those that are `free`."""
_Step = tuple[Mapping[str, Any], Question | None]
"""Changes of a draft, and what is open about them."""
_MOST_QUESTIONS, _MOST_RIVALS, _CLOSE, _FEWEST_DATES, _MANY = 5, 3, 1.5, 0.5, 20


def propose(file: Path, text: Sequence[str], layout: Mapping[str, str]) -> Proposal:
    """Return the profile that a file suggests, with at most five questions.

    The user may name the columns of the text, and the sheet or json_path; `fallback` is the encoding of files that are
    not UTF-8, by the settings. Raises `FileRefusedError` for a file that can't be read, or in which no column is a
    text (text_column_missing); `UsageError` for one without a table or the names of its columns.
    """
    table, question = _choose_table(file, sample_tables(file, layout))
    draft, note = _start(file, table, text)
    questions = [question, None if text or note else _ask_text(table, draft)]
    steps = [_find_labels, _find_movie, _find_title, _find_rating, _find_dates, _find_others]
    if note:  # a known platform's profile says what else it has
        steps = [_find_movie, _find_dates, _find_others]
    for step in [each for each in steps if not (text and each is _find_title)]:
        changes, question = step(_sort_columns(table, draft))
        draft, questions = change(draft, changes), [*questions, question]
    return Proposal(draft, [each for each in questions if each][:_MOST_QUESTIONS], table.names, note)


def _choose_table(file: Path, tables: Sequence[Table]) -> tuple[Table, Question | None]:
    """Return the table with most texts, and the question which one it is if others have some; refuse a broken one."""
    counts = {id(each): each.rows if list_texts(each) else 0 for each in tables}
    ranked = sorted(tables, key=lambda table: -counts[id(table)])
    best, rivals = ranked[0], [table for table in ranked if counts[id(table)]][:_MOST_QUESTIONS]
    if not best.has_names:
        reason = "its first line has values, not the names of the columns. Next: write a line with their names above it"
        raise UsageError(f"{file}: {reason}, such as text and label, then run it again.")
    if not best.is_split:
        reason = f"{best.unread['row_shape']:,} of {best.rows:,} rows have another number of fields than the line with"
        raise UsageError(f"{file}: {reason} the names. Next: mend that line, then run it again.")
    if len(rivals) > 1:
        names = [f"{next(iter(each.layout.values()))} ({each.rows:,} rows)" for each in rivals]
        answers = {name: {"file": each.layout} for name, each in zip(names, rivals, strict=True)}
        return best, Question("Which table has the reviews? A file is read from one.", answers)
    # The only sheet with a text need not be named, and may have another name in the next file.
    return replace(best, layout={}) if len(tables) > 1 and "sheet" in best.layout else best, None


def _start(file: Path, table: Table, text: Sequence[str]) -> tuple[Draft, str]:
    """Return a draft with the text, and a note if it is that of a known platform, with all that its profile says."""
    names = [column.name for column in table.columns]
    shown, draft = quote_names(names), {"file": dict(table.layout)}
    if missing := [name for name in text if name not in names]:
        raise UsageError(f"{file}: no column is called '{missing[0]}', but {shown}. Next: name one of these.")
    known = None if text else find_known(table.names)
    if known is not None and (profile := resolve_known(known, names)).columns.text:
        said = profile.model_dump(exclude_defaults=True)
        draft |= {key: said[key] for key in ("rating", "labels", "dates", "rows") if key in said}
        columns = said["columns"] | {"text": [*profile.columns.text]}
        return change({**draft, "columns": columns}, {}), f"It is {known.origin}."
    if not (found := text or choose_text(table)):
        raise refusal("text_column_missing", f"none of the columns {shown} has sentences as reviews have")
    return change({**draft, "columns": {"text": [*found]}}, {}), ""


def _sort_columns(table: Table, draft: Draft) -> _Columns:
    """Return the columns of a table by their parts in a draft."""
    parts = {key: [*value] if key == "text" else [value] for key, value in draft["columns"].items()}
    by_name = {column.name: column for column in table.columns}
    sorted_ = {key: [by_name[name] for name in names if name in by_name] for key, names in parts.items()}
    taken = {name for names in parts.values() for name in names}
    return {**sorted_, "free": [column for column in table.columns if column.name not in taken]}


def _ask_text(table: Table, draft: Draft) -> Question | None:
    """Ask for the text where another column has as much prose."""
    points, (body, *others) = list_texts(table), draft["columns"]["text"]
    least = max(points.get(body, 0) - _CLOSE, 1)
    rivals = [name for name in points if name != body and points[name] >= least]
    if others or not rivals:
        return None
    answers = {f"'{name}'": {"columns.text": [name]} for name in (body, rivals[0])}
    answers[f"both, '{body}' first"] = {"columns.text": [body, rivals[0]]}
    return Question("Which column is the text of the review?", answers)


def _find_labels(columns: _Columns) -> _Step:
    texts = _join_texts(columns)
    judged = rank(columns["free"], "given_label")
    for column in [*judged, *(each for each in columns["free"] if each not in judged)]:
        if found := find_labels(column, texts, column in judged):
            return {"columns.given_label": column.name, "labels": found[0]}, found[1]
    return {}, None


def _join_texts(columns: _Columns) -> list[str]:
    """Return the text of each row."""
    rows = zip(*(text.values for text in columns["text"]), strict=True)
    return [" ".join(filter(None, row)) for row in rows]


def _find_movie(columns: _Columns) -> _Step:
    movies = [] if "movie_id" in columns else rank(columns["free"], "movie_id")
    points = [rate_name(each, "movie_id") for each in movies]
    likely = [each for each, its in zip(movies[:_MOST_RIVALS], points, strict=False) if its >= points[0]]
    names = [each.name for each in likely if each is movies[0] or not depends(each, movies[0])]
    answers = {f"'{name}'": {"columns.movie_id": name} for name in names}
    question = Question("Which column names the movie, or what is reviewed?", answers)
    return next(iter(answers.values()), {}), question if len(names) > 1 else None


def _find_title(columns: _Columns) -> _Step:
    """Add a headline to the text; a title may be the name of the movie, too."""
    titles, movie = rank(columns["free"], "title"), columns.get("movie_id", [None])[0]
    if not titles:
        return {}, None
    title, text = titles[0], columns["text"]
    headline: Mapping[str, Any] = {"columns.text": [title.name, *(column.name for column in text)]}
    name: Mapping[str, Any] = {"columns.movie_id": title.name} if movie is None else {}
    if (verdict := is_headline(title, text[-1], movie)) is not None:
        return headline if verdict else name, None
    answers = [("it names the movie", name), ("it is the review's headline", headline)]
    answers = answers if title.filled >= _MANY else answers[::-1]
    return answers[0][1], Question(f"What is '{title.name}', which differs in each row?", dict(answers))


def _find_rating(columns: _Columns) -> _Step:
    """Find the ratings of the writers: those that are the same in all rows of a movie are its own."""
    movies = [each for each in columns.get("movie_id", []) if len(each.counts) > 1 and each.variety < 0.5]
    ratings = rank(columns["free"], "given_rating")
    grades = [each for each in rank(columns["free"], "given_label") if each.share(r"\d{1,2}(\.\d)?$") == 1]
    best = [each for each in rank(columns["free"], "best_rating") if len(each.counts) == 1]
    texts = _join_texts(columns)
    for column in [*ratings, *(each for each in grades if 2 < len(each.counts) < 12)]:
        found = find_scale(column, texts, best, column in ratings)
        if found and not any(depends(column, movie) for movie in movies):
            return {"columns.given_rating": column.name, "rating": found[0]}, found[1]
    return {}, None


def _find_dates(columns: _Columns) -> _Step:
    known = columns.get("reviewed_at")
    for column in known or rank(columns["free"], "reviewed_at"):
        (keys, question), share = find_dates(column)
        if share >= _FEWEST_DATES or known:
            return {"columns.reviewed_at": column.name} | ({"dates": keys} if keys else {}), question
    return {}, None


def _find_others(columns: _Columns) -> _Step:
    """Find the ids of reviews, the writers, and the texts that stand for none."""
    ids = [each for each in rank(columns["free"], "review_id") if is_id(each, columns["text"][-1])]
    authors, no_text = rank(columns["free"], "author"), find_no_texts(columns["text"])
    found: dict[str, Any] = {"columns.review_id": ids[0].name} if ids and "review_id" not in columns else {}
    found |= {"columns.author": authors[0].name} if authors and "author" not in columns else {}
    return found | ({"rows.no_text": no_text} if no_text else {}), None
