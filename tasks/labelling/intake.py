"""Takes in the files of labels in the inboxes: answers of `reviews models label`, and sheets that were filled in.

A label is of a text, by its digest, and counts for all rows with it. It makes no row of its own, so no review counts
twice, and no tally of a source changes. Of two labels of a text the later one counts. A file that was changed is taken
in again, and what it labels no more loses its label, unless another file gives it one. An object of a store is copied
into the spool of the home, and then read like a file.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import LABELS_IN_STORE, is_store_uri
from tasks.inbox.source_files import Findings, FoundFile, SkippedFile, SourceFile, look_at_labels
from tasks.labelling.kept_answers import finish_sessions
from tasks.labelling.label_files import GivenLabel, LabelFile, are_opposite, may_hold, read_labels
from tasks.store.inbox_objects import FetchGroup, fetch_arrivals, fetch_by_groups, find_labels
from tasks.store.work_folders import clear_spool, hold_workplace
from tasks.support.wording import count
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published

_LIST_KNOWN = "SELECT uri, size, mtime_ns FROM label_files"
_ADD = """
INSERT INTO review_labels
SELECT
    unnest($texts::VARCHAR[]), unnest($labels::VARCHAR[]), unnest($stars::DOUBLE[]), unnest($random::BOOLEAN[]),
    unnest($times::TIMESTAMPTZ[]), $uri
ON CONFLICT (text_sha256) DO UPDATE SET
    given_label = excluded.given_label, given_rating = excluded.given_rating, is_random = excluded.is_random,
    labelled_at = excluded.labelled_at, uri = excluded.uri
WHERE excluded.labelled_at >= review_labels.labelled_at
"""
_FIND_KNOWN = """
SELECT DISTINCT text_sha256 FROM source_reviews WHERE text_sha256 IN (SELECT unnest($texts::VARCHAR[]))
"""
_DROP_OTHERS = """
DELETE FROM review_labels WHERE uri = $uri AND text_sha256 NOT IN (SELECT unnest($texts::VARCHAR[]))
"""
# They are taken in again, since they may have labels of the texts that lost theirs. Their names stay: a forgetting
# names those of earlier stores, which no run takes in again.
_FORGET_OTHERS = "UPDATE label_files SET size = -1 WHERE uri <> $uri"
_LIST_OTHERS = """
SELECT text_sha256, given_label, given_rating FROM review_labels
WHERE uri <> $uri AND text_sha256 IN (SELECT unnest($texts::VARCHAR[]))
"""
_LIST_GIVEN = """
SELECT text_sha256 FROM review_labels WHERE uri = $uri AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
"""
# Texts of a file, or of these, that have a label; of a skipped one nobody can tell.
_LIST_LABELLED = """
SELECT text_sha256 FROM review_labels
WHERE (uri = $uri OR text_sha256 IN (SELECT unnest($texts::VARCHAR[])))
    AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
"""
_READ_RECORD = "SELECT labels FROM label_files WHERE uri = $uri AND mtime_ns = $mtime_ns"
_RECORD = """
INSERT INTO label_files VALUES ($uri, $size, $mtime_ns, $labels, now())
ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, labels = excluded.labels,
    taken_at = if(mtime_ns = excluded.mtime_ns AND labels = excluded.labels, taken_at, excluded.taken_at)
"""


@dataclass(frozen=True)
class TakenLabels:
    """What was taken in."""

    sheets: tuple[str, ...] = ()
    """The names of the files that were new or changed, or have labels of more texts that are here."""
    labels: int = 0
    """Texts whose label or stars are now those of one of them."""
    replaced: int = 0
    """Texts of which one of them says the opposite of another file: the label of the later file counts."""
    older: int = 0
    """Other texts of which one of them has a label that does not count, since a later file has given one too."""
    lost: frozenset[str] = frozenset()
    """The sha256 of the texts that had a label or stars before, and have none any more."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files that can't be read."""
    partly: tuple[SkippedFile, ...] = ()
    """Files of which a part was taken in, with how much that is, and what of the rest."""
    has_dropped: bool = False
    """Whether a text has lost the label that a file gave it before."""
    trouble: StoreError | None = None
    """Why the objects of a store, or the later ones of them, wait for the next run."""


@dataclass(frozen=True)
class _StoredLabels:
    """What was stored of a file."""

    uri: str
    given: frozenset[str]
    """The texts whose label or stars are now its own."""
    replaced: frozenset[str]
    """The texts of which another file says the opposite."""
    older: frozenset[str]
    """The other texts that a later file labels too, so that its label counts."""
    lost: frozenset[str]
    """The texts whose label it took away."""
    has_dropped: bool
    """Whether a text has lost the label that the file gave it before."""
    is_news: bool
    """Whether the file was changed, or has labels of other texts that are here, since it was taken in last."""
    unread: str | None
    """Which of its rows can't be read."""
    unknown: int
    """Labels of texts that are not here."""


def take_labels(
    home: Home,
    store: str | None = None,
    objects: Sequence[FoundFile] = (),
    fetch: FetchGroup = fetch_arrivals,
) -> TakenLabels:
    """Take in the files of labels that are new or were changed, then such `objects` of a store, copied by `fetch`.

    Each is taken in in one transaction. If the store fails, objects that were not fetched wait for the next run.
    """
    if not home.labels.is_dir() and not objects:
        return TakenLabels()
    taken = _take_waiting(home, store, objects, fetch)
    if taken.has_dropped:
        again = _take_waiting(home, store, () if taken.trouble else objects, fetch)
        taken = replace(taken, lost=taken.lost | again.lost, trouble=taken.trouble or again.trouble)
    return replace(taken, lost=_keep_lost(home, taken.lost))


def _keep_lost(home: Home, texts: frozenset[str]) -> frozenset[str]:
    """Return those of texts that lost their label which no other file has given one since."""
    if not texts:
        return texts
    with open_warehouse(home.warehouse, write=False) as connection:
        return texts - _list_labelled(connection, "", texts)


def _take_waiting(
    home: Home, store: str | None, objects: Sequence[FoundFile], fetch: FetchGroup
) -> TakenLabels:
    """Take in what is new or was changed, once."""
    files, skipped = _read_waiting(home, _read_known(home))
    stored = [_store(home, file) for file in files]
    waiting = _pick_waiting(objects, _read_known(home)) if objects else []
    trouble = None
    try:
        for fetched in fetch_by_groups(str(store), waiting, fetch):
            files, unread = _read_all(fetched)
            stored += [_store(home, file) for file in files]
            skipped += unread
    except StoreError as error:
        trouble = error
    finally:
        clear_spool(home)
    return replace(_sum_up(stored), skipped=tuple(skipped), trouble=trouble)


def _sum_up(stored: Sequence[_StoredLabels]) -> TakenLabels:
    """Return what was taken in of files; of one without news only which labels it took away."""
    news = [each for each in stored if each.is_news]
    return TakenLabels(
        sheets=tuple(each.uri for each in news),
        labels=len(frozenset[str]().union(*(each.given for each in news))),
        replaced=len(frozenset[str]().union(*(each.replaced for each in news))),
        older=len(frozenset[str]().union(*(each.older for each in news))),
        lost=frozenset[str]().union(*(each.lost for each in stored)),
        partly=tuple(
            SkippedFile(each.uri, _describe_rest(each)) for each in news if each.unread or each.unknown
        ),
        has_dropped=any(each.has_dropped for each in stored),
    )


def _describe_rest(stored: _StoredLabels) -> str:
    """Return how much of a file was taken in, and what of it was not."""
    unknown = f"{count(stored.unknown, 'label')} of texts that this home does not have"
    rest = [*([unknown] if stored.unknown else []), *([stored.unread] if stored.unread else [])]
    return f"{count(len(stored.given), 'label')} of it taken in; {'; '.join(rest)}"


def _read_known(home: Home) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that was taken in, by its name."""
    with open_warehouse(home.warehouse, write=False) as connection:
        return _list_known(connection)


def find_unread(home: Home, objects: Sequence[FoundFile]) -> Findings:
    """Find the files of labels, and those of such `objects` of a store, that a run would read; change nothing."""
    return _find_unread(home, _read_known(home) if home.warehouse.exists() else {}, objects)


def _find_unread(
    home: Home, known: Mapping[str, tuple[int, int]], objects: Sequence[FoundFile] = ()
) -> Findings:
    """Find the files that are new or were changed, likewise; `known` as in `_read_waiting`."""
    found = look_at_labels(home.inbox)
    files = list(found.files)
    return Findings(tuple(_pick_waiting([*files, *objects], known)), found.skipped)


def list_waiting(home: Home) -> set[str]:
    """Return the sha256 of the texts that files label or skip which the published copy does not know yet."""
    if not home.labels.is_dir():
        return set()
    with open_published(home.published) as connection:
        known = _list_known(connection)
    return {label.text_sha256 for file in _read_waiting(home, known)[0] for label in file.labels}


def _read_waiting(
    home: Home, known: Mapping[str, tuple[int, int]]
) -> tuple[list[LabelFile], list[SkippedFile]]:
    """Read the files that are new or were changed; return also those that nobody can read.

    `known` are size and time of each file that was taken in, by its name.
    """
    if not home.labels.is_dir():
        return [], []
    finish_sessions(home)
    unread = _find_unread(home, known)
    return _read_all([*unread.skipped, *unread.files])


def _pick_waiting(files: Sequence[FoundFile], known: Mapping[str, tuple[int, int]]) -> list[FoundFile]:
    """Return the files that are new or were changed since they were taken in."""
    return [file for file in files if known.get(file.uri) != (file.size, file.mtime_ns)]


def _read_all(
    found: Iterable[FoundFile | SourceFile | SkippedFile],
) -> tuple[list[LabelFile], list[SkippedFile]]:
    """Read files; return also those that nobody can read."""
    read, skipped = list[LabelFile](), list[SkippedFile]()
    for each in found:
        if isinstance(each, SkippedFile):
            skipped.append(each)
            continue
        file = read_labels(each)
        if file.trouble and not file.labels:
            skipped.append(SkippedFile(each.uri, file.trouble))
        else:
            read.append(file)
    return read, skipped


def _list_known(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that was taken in, by its name; none in a copy of an older version."""
    try:
        return {uri: (size, time) for uri, size, time in connection.execute(_LIST_KNOWN).fetchall()}
    except duckdb.CatalogException:
        return {}


def list_sheets(home: Home, texts: Collection[str]) -> list[Path]:
    """Return the files of labels that may hold one of the texts: those with its sha256, or that can't be read whole.

    The answers from the terminal, `.jsonl`, have no texts.
    """
    read = {found.path: found for found in look_at_labels(home.inbox).files}
    sheets = [path for path in sorted(home.labels.rglob("*")) if path.is_file() and path.suffix != ".jsonl"]
    return [path for path in sheets if path not in read or may_hold(read[path], texts)]


def list_sheets_of_others(home: Home, store: str | None) -> list[str]:
    """Return the URIs of all known files of labels in stores other than the one that is set."""
    known = [uri for uri in sorted(_read_known(home)) if is_store_uri(uri)]
    return [uri for uri in known if store is None or not uri.startswith(f"{store}/{LABELS_IN_STORE}/")]


def list_stored_sheets(home: Home, store: str, texts: Collection[str]) -> list[str]:
    """Return the URIs of those in the inbox of a store that may hold one of the texts, answers too.

    Raises `ReviewsError` if they can't be fetched.
    """
    place = f"{store}/{LABELS_IN_STORE}"
    with hold_workplace(home, place) as work:
        found, others = find_labels(store, work)
        held = [
            each.uri
            for each in chain.from_iterable(fetch_by_groups(store, found))
            if isinstance(each, SkippedFile) or may_hold(each, texts)
        ]
    return [*others, *held]


def _store(home: Home, file: LabelFile) -> _StoredLabels:
    """Store what a file says of texts that are here, not of forgotten ones, and that it was taken in.

    One with labels of other texts is read again by the next run: they may be here by then.
    """
    found = {"uri": file.found.uri, "mtime_ns": file.found.mtime_ns}
    with open_warehouse(home.warehouse, write=True) as connection, begin_transaction(connection):
        texts = [label.text_sha256 for label in file.labels]
        known = {text for (text,) in connection.execute(_FIND_KNOWN, {"texts": texts}).fetchall()}
        labels = [label for label in file.labels if label.text_sha256 in known]
        columns = _list_columns(labels)
        labelled = _list_labelled(connection, file.found.uri, columns["texts"])
        replaced = _list_opposed(connection, file.found.uri, labels)
        connection.execute(_ADD, {**columns, "uri": file.found.uri}).fetchall()
        before = connection.execute(_READ_RECORD, found).fetchall()
        others = {"texts": columns["texts"], "uri": file.found.uri}
        [(dropped,)] = connection.execute(_DROP_OTHERS, others).fetchall()
        if dropped:
            connection.execute(_FORGET_OTHERS, {"uri": file.found.uri}).fetchall()
        lost = labelled - _list_labelled(connection, file.found.uri, columns["texts"])
        given = {text for (text,) in connection.execute(_LIST_GIVEN, {"uri": file.found.uri}).fetchall()}
        size = file.found.size if len(labels) == len(file.labels) else -1
        connection.execute(_RECORD, {**found, "size": size, "labels": len(labels)}).fetchall()
    return _StoredLabels(
        uri=file.found.uri,
        given=frozenset(given),
        replaced=replaced,
        older=frozenset(label.text_sha256 for label in labels if not label.is_skipped) - given - replaced,
        lost=frozenset(lost),
        has_dropped=dropped > 0,
        is_news=before != [(len(labels),)],
        unread=file.trouble,
        unknown=len(file.labels) - len(labels),
    )


def _list_opposed(
    connection: duckdb.DuckDBPyConnection, uri: str, labels: Sequence[GivenLabel]
) -> frozenset[str]:
    """Return the texts of which a file says the opposite of what another one has said."""
    given = {label.text_sha256: (label.label, label.stars) for label in labels}
    others = connection.execute(_LIST_OTHERS, {"uri": uri, "texts": list(given)}).fetchall()
    return frozenset(text for text, *other in others if are_opposite(given[text], (other[0], other[1])))


def _list_labelled(connection: duckdb.DuckDBPyConnection, uri: str, texts: Iterable[str]) -> set[str]:
    """Return which texts of a file, and of these, have a label or stars."""
    found = connection.execute(_LIST_LABELLED, {"uri": uri, "texts": list(texts)}).fetchall()
    return {text for (text,) in found}


def _list_columns(labels: Sequence[GivenLabel]) -> dict[str, list[Any]]:
    """Return labels as columns for a query."""
    return {
        "texts": [label.text_sha256 for label in labels],
        "labels": [label.label for label in labels],
        "stars": [label.stars for label in labels],
        "random": [label.is_random for label in labels],
        "times": [label.labelled_at for label in labels],
    }
