"""Plans a rescan: which files of a source are read again, by its present profile, and which stay as they were read.

A file that the present profile has read already, before another did, is not read again: that reading counts again.
Afterwards it is as if the present profile had been there from the start: where each file replaces those before it, the
last one counts alone, so the others are not read; where it adds to them, files that were replaced count again too. A
source whose profile was deleted is read again by the profile of its platform, or by our own names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import FILE_RULES
from data_contracts.storage.home import Home
from tasks.inbox.source_files import SkippedFile, SourceFile, hash_file, look_into
from tasks.sources.catalogue import (
    DEFAULT,
    Catalogue,
    Source,
    describe_missing_profile,
    load_catalogue,
    name_profile,
)
from tasks.support.wording import count, escape_controls, quote_word
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import CONTENT, LAST_COUNTING, ROWS_CHOSEN, name_content, name_reading

MISSING_NAMED = 20
"""Most missing files that a message names."""
RENUMBERED = "rows_renumbered"
_HAS_PROFILED = "SELECT count(*) > 0 FROM scored_files WHERE source = ? AND profile_version IS NOT NULL"
# A file that was scored before it was moved into the folder of its source is of that source from now on.
_LIST_READINGS = f"""
WITH readings AS (
    SELECT
        source_sha256, max(status) = 'scored' AS is_scored, bool_and(superseded_at IS NULL) AS counts,
        arg_max(source, commit_number) AS source, arg_max(uri, commit_number) AS uri, max(bytes) AS bytes,
        max(rows_read) AS rows_read, arg_max(profile_version, commit_number) AS profile_version,
        min(commit_number) AS commit_number, max({LAST_COUNTING}) AS last_counting,
        count(grown_into) > 0 AS has_grown
    FROM scored_files GROUP BY source_sha256
),
replaced AS (
    SELECT {CONTENT} AS content FROM readings
    GROUP BY ALL HAVING NOT bool_or(counts) AND NOT bool_or(has_grown) AND arg_max(source, last_counting) = $source
)
SELECT
    * EXCLUDE (has_grown), source_sha256 IN (SELECT source_sha256 FROM forgotten_rows) AS has_forgotten,
    {ROWS_CHOSEN} AS rows_chosen
FROM readings
WHERE {CONTENT} IN (SELECT {CONTENT} FROM readings WHERE counts AND source IN ($source, '{DEFAULT}'))
OR (NOT $replaces AND {CONTENT} IN (FROM replaced))
ORDER BY uri, source_sha256
"""  # noqa: S608 (our own names)


@dataclass(frozen=True)
class Reading:
    """What the ledger has of a reading of a file."""

    source_sha256: str
    is_scored: bool
    counts: bool
    """Whether no other reading has taken its place."""
    source: str
    uri: str
    bytes: int | None
    rows_read: int | None
    profile_version: str | None
    commit_number: int
    last_counting: int
    """Greater if it counted later; greatest if it counts."""
    has_forgotten: bool
    rows_chosen: str
    """As `ROWS_CHOSEN`."""

    @property
    def standing(self) -> tuple[bool, int]:
        """Greatest of the reading that counts; without one, of that which counted last."""
        return self.is_scored and self.counts, self.last_counting

    @property
    def numbering(self) -> tuple[int | None, str]:
        """Equal in two readings of a file that number its rows alike."""
        return self.rows_read, self.rows_chosen


@dataclass(frozen=True)
class KnownFile:
    """A file that the source sent, with its readings."""

    readings: tuple[Reading, ...]

    @cached_property
    def present(self) -> Reading:
        """The reading that counts, or else did last; if none is scored, one that was refused."""
        return max(self.readings, key=lambda each: each.standing)

    @property
    def arrival(self) -> tuple[int, str, str]:
        """The place of the file in the order of arrival."""
        first = min(self.readings, key=lambda each: each.commit_number)
        return first.commit_number, first.uri, first.source_sha256

    def find(self, version: str | None) -> Reading | None:
        """Return the scored reading by this version of the profile, or without one."""
        return next(
            (each for each in self.readings if each.is_scored and each.profile_version == version), None
        )

    def name_next(self, version: str | None) -> str:
        """Return the name of a reading by this version; one that was refused is overwritten by the next."""
        content = name_content(self.present.source_sha256)
        return name_reading(content, version) if self.present.is_scored else content


@dataclass(frozen=True)
class Rescan:
    """What a rescan does."""

    catalogue: Catalogue
    """The profiles by which the plan was made."""
    files_found: int = 0
    files: tuple[SourceFile, ...] = ()
    """The files to read, with the names of their new readings as sha256."""
    earlier: tuple[Reading, ...] = ()
    """Readings by the present profile that count again, in place of later ones by others."""
    skipped: tuple[SkippedFile, ...] = ()
    replaces: bool = False
    """Whether each file of the source takes the place of those before it."""


def plan_rescan(home: Home, name: str) -> Rescan:
    """Find what the present profile of the source `name` has not read of the files that this source sent.

    Raises `UsageError` if the profile of the source is wrong, or it has none and never read a file by one.
    """
    catalogue = load_catalogue(home)
    source = catalogue.find(f"{name}/file")
    if source.trouble is not None:
        raise UsageError(
            f"{source.trouble}. Next: correct it, then `reviews sources show {quote_word(name)}`."
        )
    require_rescannable(home, name)
    replaces = source.replaces_from_share is not None
    known = _list_known(home.warehouse, source, replaces)
    version = source.version
    unread = {name_content(file.present.source_sha256): file for file in known if file.find(version) is None}
    found: dict[str, SourceFile] = {}
    for each in _find_files(home, catalogue, source, unread):
        _, first, _ = unread[each.source_sha256].arrival
        if each.source_sha256 not in found or each.uri == first:
            found[each.source_sha256] = each
    missing = [
        file.present.uri
        for content, file in unread.items()
        # A refused file has no reading that could stay.
        if content not in found and file.present.source == source.name and file.present.is_scored
    ]
    # No version says whose reading it is that had none.
    own = known if version is not None else [file for file in known if file.present.source == source.name]
    earlier, barred = _find_earlier(own, version)
    return Rescan(
        catalogue,
        files_found=sum(file.present.source == source.name for file in known),
        files=tuple(
            _make_reading(catalogue, unread[content], file, version) for content, file in found.items()
        ),
        earlier=tuple(earlier),
        skipped=(*_describe_missing(home, source, missing), *barred),
        replaces=replaces,
    )


def _make_reading(
    catalogue: Catalogue, known: KnownFile, file: SourceFile, version: str | None
) -> SourceFile:
    """Return a found file as the reading by this version of the profile.

    Its name is that under which it arrived, since files of one commit are in the order of their names; if it lay in the
    folder of another source then, the present one, which says whose it is.
    """
    _, first, _ = known.arrival
    moved = catalogue.find(first).name != catalogue.find(file.uri).name
    return replace(
        file,
        source_sha256=known.name_next(version),
        uri=file.uri if moved else first,
        was_refused=not known.present.is_scored,
    )


def _find_earlier(known: Sequence[KnownFile], version: str | None) -> tuple[list[Reading], list[SkippedFile]]:
    """Return the readings by this version that do not count alone, and the files of which none may count again.

    Where rows were forgotten, and the two readings number rows otherwise, it is not known which rows these are.
    """
    earlier, barred = [], []
    for file in known:
        reading, present = file.find(version), file.present
        others = any(each.counts for each in file.readings if each is not reading)
        if reading is None or (reading.counts and not others):
            continue
        if present.has_forgotten and present.numbering != reading.numbering:
            barred.append(SkippedFile(present.uri, f"{RENUMBERED}: {FILE_RULES[RENUMBERED]}"))
        else:
            earlier.append(reading)
    return earlier, barred


def require_rescannable(home: Home, name: str) -> None:
    """Raise `UsageError` if a source has no profile, and no file that was ever read by one."""
    if name_profile(home, name).is_file():
        return
    if home.warehouse.exists():
        with open_warehouse(home.warehouse, write=False) as connection:
            if connection.execute(_HAS_PROFILED, [name]).fetchall() == [(True,)]:
                return
    raise UsageError(describe_missing_profile(home, name))


def _list_known(warehouse: Path, source: Source, replaces: bool) -> list[KnownFile]:
    """Return the files that the ledger has of the source, or of none, in the order of their names.

    If each file of the source `replaces` those before it, they are the last one and what came after it. An older file
    of none is read all the same, since that one takes its place too if it was moved into the folder of the source.
    """
    if not warehouse.exists():
        return []
    with open_warehouse(warehouse, write=False) as connection:
        values = {"source": source.name, "replaces": replaces}
        rows = connection.execute(_LIST_READINGS, values).fetchall()
    by_content: dict[str, list[Reading]] = {}
    for reading in (Reading(*row) for row in rows):
        by_content.setdefault(name_content(reading.source_sha256), []).append(reading)
    known = [KnownFile(tuple(readings)) for readings in by_content.values()]
    counting = [
        file.arrival
        for file in known
        if file.present.source == source.name and file.present.is_scored and file.present.rows_read
    ]
    return [
        file
        for file in known
        if not (replaces and counting) or file.arrival >= max(counting) or file.present.source != source.name
    ]


def _find_files(
    home: Home, catalogue: Catalogue, source: Source, unread: Mapping[str, KnownFile]
) -> Iterator[SourceFile]:
    """Yield the files of the source with the contents `unread`, in the inbox and where scored files are moved to."""
    sizes = {file.present.bytes for file in unread.values()}
    for folder in (home.inbox, *sorted(path for path in home.scored.glob("*") if path.is_dir())):
        for found in look_into(folder).files if folder.is_dir() and unread else ():
            if found.size not in sizes or catalogue.find(found.uri).name != source.name:
                continue
            file = hash_file(found)
            if isinstance(file, SourceFile) and file.source_sha256 in unread:
                yield file


def _describe_missing(home: Home, source: Source, uris: Sequence[str]) -> list[SkippedFile]:
    """Return an entry on the files that are no longer there, if there are any."""
    if not uris:
        return []
    more = f" and {len(uris) - MISSING_NAMED:,} more" if len(uris) > MISSING_NAMED else ""
    named = ", ".join(map(escape_controls, uris[:MISSING_NAMED])) + more
    folder = home.inbox if source.name == DEFAULT else home.inbox / source.name
    reason = (
        f"not in the inbox of the home as read, so their readings stay as they are: {named}. Next: put them into "
        f"{folder}/, then rescan again"
    )
    return [SkippedFile(count(len(uris), "file"), reason)]
