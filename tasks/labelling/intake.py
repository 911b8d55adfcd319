"""Takes in the files of labels in the inboxes: answers of `reviews models label`, and sheets that were filled in.

A label is of a text, by its digest, and counts for all rows with it. It makes no row of its own, so no review counts
twice, and no tally of a source changes. Of two labels of a text the later one counts. A file that was changed is taken
in again, and what it labels no more loses its label, unless another file gives it one. An object of a store is copied
into the spool of the home, and then read like a file.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import duckdb

from data_contracts.errors import StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import LABELS_IN_STORE, is_store_uri
from tasks.inbox.source_files import Findings, FoundFile, SkippedFile, look_at_labels
from tasks.labelling.kept_answers import finish_sessions
from tasks.labelling.label_files import LabelFile, may_hold, read_labels
from tasks.store.inbox_objects import FetchGroup, fetch_arrivals, fetch_by_groups, find_labels
from tasks.store.work_folders import clear_spool, hold_workplace
from tasks.support.wording import count
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published

_LIST_FILES = "SELECT uri, size, mtime_ns FROM label_files"
# Of a skipped text nobody can tell.
_LIST_LABELLED = """
SELECT text_sha256, uri FROM review_labels WHERE given_label IS NOT NULL OR given_rating IS NOT NULL
"""
_FIND_HERE = """
SELECT DISTINCT text_sha256 FROM source_reviews WHERE text_sha256 IN (SELECT unnest($texts::VARCHAR[]))
"""
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
_DROP_OTHERS = """
DELETE FROM review_labels WHERE uri = $uri AND text_sha256 NOT IN (SELECT unnest($texts::VARCHAR[]))
"""
# They are taken in again, since they may have labels of the texts that lost theirs. Their names stay: a forgetting
# names those of earlier stores, which no run takes in again.
_READ_AGAIN = "UPDATE label_files SET size = -1 WHERE uri <> $uri"
_RECORD = """
INSERT INTO label_files VALUES ($uri, $size, $mtime_ns, $labels, now())
ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, labels = excluded.labels,
    taken_at = if(mtime_ns = excluded.mtime_ns AND labels = excluded.labels, taken_at, excluded.taken_at)
RETURNING taken_at = now()
"""


@dataclass(frozen=True)
class TakenLabels:
    """What was taken in."""

    sheets: tuple[str, ...] = ()
    """The names of the files that were new or changed, or have labels of more texts that are here."""
    labels: int = 0
    """Texts whose label or stars are now those of one of them."""
    older: int = 0
    """Labels of theirs that do not count, since a later one of the same text does."""
    lost: int = 0
    """Texts that had a label or stars before, and have none any more."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files that can't be read."""
    partly: tuple[SkippedFile, ...] = ()
    """Files of which a part was taken in, with how much that is, and what of the rest."""
    trouble: StoreError | None = None
    """Why the objects of a store, or the later ones of them, wait for the next run."""


@dataclass(frozen=True)
class _StoredFile:
    """What was stored of a file."""

    file: LabelFile
    here: int
    """Its labels of texts that are here; without those that were skipped."""
    unknown: int
    """Its labels of texts that are not here."""
    is_news: bool
    """Whether the file was changed, or has labels of other texts that are here, since it was taken in last."""
    has_dropped: bool
    """Whether a text has lost the label that the file gave it before."""


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
    if home.labels.is_dir():
        finish_sessions(home)
    # Most runs find none, and must not cost what the labels that are there do.
    before = _list_labelled(home) if find_unread(home, objects).files else {}
    stored, skipped, trouble = _take_waiting(home, store, objects, fetch)
    if not stored:
        return TakenLabels(skipped=tuple(skipped), trouble=trouble)
    if any(each.has_dropped for each in stored):
        # Others may label what lost its label; they are no news.
        trouble = _take_waiting(home, store, () if trouble else objects, fetch)[2] or trouble
    after = _list_labelled(home)
    given = Counter(after.values())
    news = [each for each in stored if each.is_news]
    labels = sum(given[each.file.found.uri] for each in news)
    return TakenLabels(
        sheets=tuple(each.file.found.uri for each in news),
        labels=labels,
        older=sum(each.here for each in news) - labels,
        lost=len(before.keys() - after),
        skipped=tuple(skipped),
        partly=tuple(
            SkippedFile(each.file.found.uri, _describe_rest(each, given[each.file.found.uri]))
            for each in news
            if each.file.trouble or each.unknown
        ),
        trouble=trouble,
    )


def _list_labelled(home: Home) -> dict[str, str]:
    """Return the texts that have a label or stars, each with the file that it is from."""
    with open_warehouse(home.warehouse, write=False) as connection:
        return dict(connection.execute(_LIST_LABELLED).fetchall())


def _describe_rest(stored: _StoredFile, given: int) -> str:
    """Return how much of a file was taken in, and what of it was not."""
    unknown = f"{count(stored.unknown, 'label')} of texts that this home does not have"
    rest = [unknown] * bool(stored.unknown) + [stored.file.trouble or ""] * bool(stored.file.trouble)
    return f"{count(given, 'label')} of it taken in; {'; '.join(rest)}"


def _take_waiting(
    home: Home, store: str | None, objects: Sequence[FoundFile], fetch: FetchGroup
) -> tuple[list[_StoredFile], list[SkippedFile], StoreError | None]:
    """Take in what is new or was changed, once; return also what nobody can read, and why the store failed."""
    files, skipped = _read_waiting(home, _read_known(home))
    stored = [_store(home, file) for file in files]
    waiting = _pick_waiting(objects, _read_known(home)) if objects else []
    try:
        for fetched in fetch_by_groups(str(store), waiting, fetch):
            files, unread = _read_all(fetched)
            stored += [_store(home, file) for file in files]
            skipped += unread
    except StoreError as error:
        return stored, skipped, error
    finally:
        clear_spool(home)
    return stored, skipped, None


def _store(home: Home, file: LabelFile) -> _StoredFile:
    """Store what a file says of texts that are here, not of forgotten ones, and that it was taken in.

    One with labels of other texts is read again by the next run: they may be here by then.
    """
    uri = file.found.uri
    with open_warehouse(home.warehouse, write=True) as connection, begin_transaction(connection):
        texts = [label.text_sha256 for label in file.labels]
        known = {text for (text,) in connection.execute(_FIND_HERE, {"texts": texts}).fetchall()}
        labels = [label for label in file.labels if label.text_sha256 in known]
        columns = {
            "texts": [label.text_sha256 for label in labels],
            "labels": [label.label for label in labels],
            "stars": [label.stars for label in labels],
            "random": [label.is_random for label in labels],
            "times": [label.labelled_at for label in labels],
            "uri": uri,
        }
        connection.execute(_ADD, columns).fetchall()
        others = {"texts": columns["texts"], "uri": uri}
        [(dropped,)] = connection.execute(_DROP_OTHERS, others).fetchall()
        if dropped:
            connection.execute(_READ_AGAIN, {"uri": uri}).fetchall()
        size = file.found.size if len(labels) == len(file.labels) else -1
        record = {"uri": uri, "size": size, "mtime_ns": file.found.mtime_ns, "labels": len(labels)}
        [(is_news,)] = connection.execute(_RECORD, record).fetchall()
    return _StoredFile(
        file,
        here=sum(not label.is_skipped for label in labels),
        unknown=len(file.labels) - len(labels),
        is_news=is_news,
        has_dropped=dropped > 0,
    )


def find_unread(home: Home, objects: Sequence[FoundFile]) -> Findings:
    """Find the files of labels, and those of such `objects` of a store, that a run would read; change nothing."""
    known = _read_known(home) if home.warehouse.exists() else {}
    found = look_at_labels(home.inbox)
    return Findings(tuple(_pick_waiting([*found.files, *objects], known)), found.skipped)


def list_waiting(home: Home) -> set[str]:
    """Return the sha256 of the texts that files label or skip which the published copy does not know yet."""
    if not home.labels.is_dir():
        return set()
    with open_published(home.published) as connection:
        known = _list_known(connection)
    return {label.text_sha256 for file in _read_waiting(home, known)[0] for label in file.labels}


def _read_known(home: Home) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that was taken in, by its name."""
    with open_warehouse(home.warehouse, write=False) as connection:
        return _list_known(connection)


def _list_known(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that was taken in, by its name; none in a copy of an older version."""
    try:
        return {uri: (size, time) for uri, size, time in connection.execute(_LIST_FILES).fetchall()}
    except duckdb.CatalogException:
        return {}


def _read_waiting(
    home: Home, known: Mapping[str, tuple[int, int]]
) -> tuple[list[LabelFile], list[SkippedFile]]:
    """Read the files that are not `known` or were changed; return also those that nobody can read."""
    if not home.labels.is_dir():
        return [], []
    finish_sessions(home)
    found = look_at_labels(home.inbox)
    return _read_all([*found.skipped, *_pick_waiting(found.files, known)])


def _pick_waiting(files: Sequence[FoundFile], known: Mapping[str, tuple[int, int]]) -> list[FoundFile]:
    """Return the files that are new or were changed since they were taken in."""
    return [file for file in files if known.get(file.uri) != (file.size, file.mtime_ns)]


def _read_all(
    found: Iterable[FoundFile | SkippedFile],
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
