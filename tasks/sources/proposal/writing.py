"""Writes a proposal: a profile as TOML of at most 15 lines, and the questions that it leaves open as comments."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.reading.columns import quote_names
from tasks.support.wording import escape_controls

Draft = Mapping[str, Mapping[str, Any]]
"""The tables of a profile: name -> key -> value. Changes are `table` or `table.key` -> value, None for none."""
_NEEDED = {"labels": "given_label", "rating": "given_rating", "dates": "reviewed_at"}


@dataclass(frozen=True)
class Question:
    """What a file leaves open, with the answers and their changes of the draft, which has those of the first one."""

    words: str
    answers: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Proposal:
    """The profile that a file suggests, what is open about it, and the names of the columns of the file."""

    draft: Draft
    questions: Sequence[Question]
    names: Sequence[str]
    origin: str
    """What a person should know of the file, if anything."""


def change(draft: Draft, changes: Mapping[str, Any]) -> Draft:
    """Return a changed draft, in which each column has one part, and no table is without use."""
    changed = {table: dict(keys) for table, keys in draft.items()}
    for where, value in changes.items():
        table, _, key = where.partition(".")
        if table == "columns":
            taken, before = value if key == "text" else [value], changed[table].pop("text")
            others = {name: each for name, each in changed[table].items() if each not in taken}
            changed[table] = {"text": [each for each in before if each not in taken] or before, **others}
        changed[table] = {**changed.get(table, {}), key: value} if key else dict(value)
    kept = {
        table: {key: each for key, each in keys.items() if each not in (None, [])}
        for table, keys in changed.items()
    }
    columns = kept.pop("columns")
    kept = {table: keys for table, keys in kept.items() if keys and _NEEDED.get(table, "text") in columns}
    return {**kept, "columns": columns}


def format_proposal(proposal: Proposal, source: str, file_name: str) -> str:
    """Return the TOML text of a proposal."""
    columns = proposal.draft["columns"]
    used = {*columns["text"], *(name for key, name in columns.items() if key != "text")}
    free = [name for name in proposal.names if name not in used]
    comments = [f"How files of the source {source} are read; made from {_format(file_name)}."]
    comments += [proposal.origin] if proposal.origin else []
    comments += [f"Kept in `extra`: {quote_names(free)}"] if free else []
    for question in proposal.questions:
        first, *others = question.answers
        comments.append(f"Open: {question.words} Taken: {first}; else:")
        for words in others:
            said = (
                f"{where} = {_format(value)}" for where, value in question.answers[words].items() if value
            )
            comments.append(f"  {words}: {'; '.join(said) or 'leave out its line'}")
    lines = [f"# {escape_controls(each)}" for each in comments]
    lines += [f"{table} = {_format(keys)}" for table, keys in proposal.draft.items() if table != "columns"]
    lines += ["[columns]", *(f"{key} = {_format(value)}" for key, value in columns.items())]
    return "\n".join(lines) + "\n"


def _format(value: Any) -> str:
    """Return a value as TOML, whose strings have JSON's escapes."""
    if isinstance(value, Mapping):
        keys = [key if key.isascii() and key.isidentifier() else _format(key) for key in value]
        pairs = (f"{key} = {_format(each)}" for key, each in zip(keys, value.values(), strict=True))
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_format, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"
