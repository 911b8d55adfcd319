"""Describes what could not be read in scored files, and what could be read in several ways."""

import shlex
from collections.abc import Collection

from data_contracts.limits import FIELD_RULES, FIELD_WORDS, READING_RULES, SETTLED_FIELDS
from data_contracts.storage.home import Home
from tasks.sources.catalogue import Catalogue
from tasks.support.wording import count
from tasks.warehouse.run_log import list_doubts, list_unclear_fields


def describe_unclear(home: Home, run_ids: Collection[str]) -> list[str]:
    """Return a phrase for each column in doubt of the files that these runs scored, and for values not understood."""
    doubts = list_doubts(home.warehouse, run_ids, list(READING_RULES.values()))
    in_doubt = {(uri, rule) for uri, rule, _ in doubts}
    unclear = [
        f"{uri}: {count(rows, FIELD_WORDS[rule][0])}, {FIELD_WORDS[rule][1]}"
        for uri, rule, rows in list_unclear_fields(home.warehouse, run_ids, list(FIELD_RULES))
        if (uri, SETTLED_FIELDS.get(rule, "")) not in in_doubt
    ]
    return unclear + [
        f"{uri}: {observed}. It is kept in `extra`. Next: {_name_command(home, uri)} settles it for later files"
        for uri, _, observed in doubts
    ]


def _name_command(home: Home, uri: str) -> str:
    """Return the command that proposes a profile for the source of a file."""
    source = "NAME" if uri.startswith("/") else shlex.quote(Catalogue().find(uri).name)
    return f"reviews sources init {source} {shlex.quote(str(home.inbox / uri))}"
