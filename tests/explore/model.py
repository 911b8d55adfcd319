"""The simple model: the expected content of the database, as sets, and the states each command may leave.

A command is modelled as its sequence of states: a successful one ends in the last, a killed one in any of them.
Nothing here reads a disk or calls the program.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.explore.content import Content, Row, find_content

Key = tuple[str, int]
"""(sha256 of the file, row number)."""
FEWEST_ROWS = 10
"""With fewer, a file is the beginning of one of the same name alone."""
Contents = Mapping[str, Content]
"""By sha256: all that was ever put into the inbox."""


@dataclass(frozen=True)
class Entry:
    """What the ledger has of a reading by a model besides its status."""

    number: int
    """Of the commit."""
    uri: str
    version: str | None = None
    """Of the profile by which it was read."""
    superseded_at: datetime | None = None
    grown_into: str | None = None
    refused_as: tuple[str, ...] = ()


@dataclass
class Database:
    """The content of the tables."""

    ledger: dict[tuple[str, str], str] = field(default_factory=dict)
    """(sha256, model) to 'scored', or to the rule for which the file is refused."""
    texts: set[Key] = field(default_factory=set)
    scores: set[tuple[str, int, str]] = field(default_factory=set)
    open: dict[Key, str] = field(default_factory=dict)
    """Quarantined rows that were not released, with their rule."""
    released: set[Key] = field(default_factory=set)
    forgotten: set[Key] = field(default_factory=set)
    superseded: set[tuple[str, str]] = field(default_factory=set)
    """The keys in the ledger in whose place another reading counts."""
    versions: dict[str, str | None] = field(default_factory=dict)
    """Of the profile by which a scored file was read."""
    promotions: list[tuple[str, str]] = field(default_factory=list)
    """('promote' or 'rollback', model)."""
    entries: dict[tuple[str, str], Entry] = field(default_factory=dict, compare=False)
    """By the keys of the ledger. The model knows their numbers and times only roughly, so they are not compared."""
    seen: dict[str, str] = field(default_factory=dict, compare=False)
    """The content of each file of the inbox, by its name, when it was last seen."""

    def copy(self) -> "Database":
        return deepcopy(self)

    @property
    def champion(self) -> str | None:
        return self.promotions[-1][1] if self.promotions else None

    def promoted(self) -> set[str]:
        return {model for _, model in self.promotions}

    def models_of(self, sha: str) -> list[str]:
        """Return the models that have scored a file."""
        return sorted(
            model for (of, model), status in self.ledger.items() if of == sha and status == "scored"
        )

    def knows(self, sha: str) -> bool:
        return any(of == sha for of, _ in self.ledger)

    def is_refused_as(self, sha: str, version: str | None, uri: str) -> bool:
        """Return whether a content was refused under a name, by a version of the profile."""
        known = [entry.refused_as for (of, _), entry in self.entries.items() if of == sha]
        return name_refusal(version, uri) in {each for some in known for each in some}

    def find_whole(self, content: str) -> str:
        """Return the content that a content grew into, or itself."""
        found = [each.grown_into for (of, _), each in self.entries.items() if find_content(of) == content]
        return next(filter(None, found), content)

    def scored(self) -> list[str]:
        return sorted({sha for (sha, _), status in self.ledger.items() if status == "scored"})

    def list_readings(self, content: str) -> list[str]:
        return sorted({sha for sha, _ in self.ledger if find_content(sha) == content})

    def counts(self, sha: str) -> bool:
        return all(key not in self.superseded for key in self.ledger if key[0] == sha)

    def find_counting(self, content: str) -> str | None:
        """Return the scored reading of a content that counts."""
        found = [sha for sha in self.list_readings(content) if self.models_of(sha) and self.counts(sha)]
        return found[0] if found else None

    def find_last(self, content: str) -> str | None:
        """Return the scored reading of a content that counts, or else did last."""
        found = [sha for sha in self.list_readings(content) if self.models_of(sha)]
        return self.find_counting(content) or max(found, key=self.find_end, default=None)

    def find_end(self, sha: str) -> datetime:
        """Return when another took the place of a reading that does not count."""
        ends = [entry.superseded_at for (of, _), entry in self.entries.items() if of == sha]
        return max(filter(None, ends), default=datetime.min.replace(tzinfo=UTC))

    def find_arrival(self, sha: str) -> tuple[int, str, str]:
        """Return the place of a scored reading in the order of arrival."""
        first = find_content(sha)
        seen = min(self.entries[first, name].number for name in self.models_of(first))
        earliest = min(
            (self.entries[sha, name] for name in self.models_of(sha)), key=lambda each: each.number
        )
        return seen, earliest.uri, sha

    def find_first(self, content: str) -> tuple[int, str, str]:
        """Return by which commit, under which name and as which reading a content came into the ledger."""
        known = [
            (entry.number, entry.uri, sha)
            for (sha, _), entry in self.entries.items()
            if find_content(sha) == content
        ]
        return min(known)

    def list_arrivals(self) -> dict[str, int]:
        """Return the commit that first scored each content or, if none did, refused it first."""
        found: dict[str, tuple[bool, int]] = {}
        for key, entry in self.entries.items():
            content, place = find_content(key[0]), (self.ledger[key] != "scored", entry.number)
            found[content] = min(place, found.get(content, place))
        return {content: number for content, (_, number) in found.items()}

    def find_read_by(self, content: str, version: str | None) -> str | None:
        """Return the scored reading of a content by a version of the profile, or by none."""
        found = [sha for sha in self.list_readings(content) if self.models_of(sha)]
        return next((sha for sha in found if self.versions[sha] == version), None)

    def is_accounted(self, sha: str, model: str, rows: int) -> bool:
        """Return whether all rows of a file are scored, quarantined or forgotten."""
        scored = sum(of == sha and by == model for of, _, by in self.scores)
        return rows == scored + sum(of == sha for of, _ in [*self.open, *self.forgotten])

    def standing(self) -> list[str]:
        """Return the past champions without rolled-back ones; the present one is last."""
        found: list[str] = []
        for action, model in self.promotions:
            if action == "rollback" and model in found:
                found = found[: found.index(model) + 1]
            else:
                found.append(model)
        return found


@dataclass(frozen=True)
class FileOutcome:
    """The rows of one file in a part."""

    sha: str
    status: str
    rows: int
    version: str | None = None
    """Of the profile by which it was read."""
    texts: frozenset[Key] = frozenset()
    bad: tuple[tuple[Key, str], ...] = ()
    uri: str = ""
    share: float | None = None
    """As of `SHARES`, if it is a full export."""
    beginnings: Mapping[str, int] = field(default_factory=dict)
    """As of `find_beginnings`."""

    @property
    def is_later(self) -> bool:
        return self.sha != find_content(self.sha)


def name_refusal(version: str | None, uri: str) -> str:
    return f"{version or 'none'} {uri}"


@dataclass(frozen=True)
class Part:
    """The rows that one model scored and quarantined for some files."""

    model: str
    files: tuple[FileOutcome, ...]
    is_damaged: bool = False

    @property
    def name(self) -> tuple[str, frozenset[str]]:
        return self.model, frozenset(file.sha for file in self.files)


@dataclass(frozen=True)
class Reader:
    """What the outcome of a file depends on besides its content."""

    model: str
    max_characters: int
    version: str | None
    """Of the profile."""
    share: float | None = None
    """As of `SHARES`."""


def score_new(
    contents: Contents, names: Mapping[str, str], reader: Reader, read_as: Mapping[str, str] | None = None
) -> Part:
    """Return the part that a model makes of new files, or of new readings of known ones; `names` are by reading.

    `read_as` has the names that say how files are read, where these are others.
    """
    return Part(
        reader.model,
        tuple(
            replace(
                _judge(contents[sha], sha, reader, (read_as or names)[sha]),
                uri=uri,
                share=reader.share,
                beginnings=find_beginnings(contents, sha),
            )
            for sha, uri in names.items()
        ),
    )


def find_beginnings(contents: Contents, sha: str) -> dict[str, int]:
    """Return the contents with which another one, read for the first time, begins, with the number of their rows."""
    if sha != find_content(sha):
        return {}
    return {
        of: len(each.rows) for of, each in contents.items() if each.rows and contents[sha].begins_with(each)
    }


def _judge(content: Content, sha: str, reader: Reader, uri: str) -> FileOutcome:
    refused = content.find_rule(reader.max_characters, uri)
    if refused:
        return FileOutcome(sha, refused, len(content.rows), reader.version)
    found = {row: _judge_row(row, reader.model, reader.max_characters) for row in content.rows}
    return FileOutcome(
        sha,
        "scored",
        len(content.rows),
        reader.version,
        frozenset((sha, row.number) for row, rule in found.items() if rule is None),
        tuple(((sha, row.number), rule) for row, rule in found.items() if rule),
    )


def _judge_row(row: Row, model: str, max_characters: int) -> str | None:
    return row.find_rule(max_characters) or (None if row.is_known_to(model) else "text_no_known_word")


def score_again(database: Database, contents: Contents, shas: Iterable[str], model: str) -> Part:
    """Return the part that a model makes of texts in the database."""
    return Part(
        model,
        tuple(
            FileOutcome(
                sha,
                "scored",
                len(contents[sha].rows),
                database.versions[sha],
                frozenset(key for key in database.texts if key[0] == sha),
                uri=database.find_arrival(sha)[1],
            )
            for sha in shas
        ),
    )


def commit(database: Database, part: Part, moment: datetime) -> Database | None:
    """Return the database with a part committed; None if the part no longer fits."""
    after = database.copy()
    files = [file for file in part.files if _is_accepted(after, part.model, file)]
    grown = {file.sha: _find_grown(after, files, file) for file in files}
    files = [_keep_forgotten(after, file, grown[file.sha]) for file in files]
    arriving = {file.sha for file in files if not file.is_later and not after.models_of(file.sha)}
    files, exports = _find_exports(after, files, arriving)
    number = 1 + max((entry.number for entry in database.entries.values()), default=0)
    for file in files:
        _commit_file(after, part.model, file, number, moment)
    scored = {file.sha for file in files if file.status == "scored"}
    _replace_grown(after, {sha: (sha, earlier) for sha, earlier in grown.items() if sha in scored}, moment)
    _replace_files(after, exports, arriving, moment)
    fits = all(
        after.is_accounted(file.sha, part.model, file.rows) for file in files if file.status == "scored"
    )
    return after if fits else None


def _is_accepted(database: Database, model: str, file: FileOutcome) -> bool:
    """Return whether a file of a part is committed: no longer, if another reading has taken its place meanwhile."""
    if database.ledger.get((file.sha, model)) == "scored":
        return False
    if database.models_of(file.sha) and not database.counts(file.sha):
        return False
    if file.is_later and any(
        each.grown_into
        for (sha, _), each in database.entries.items()
        if find_content(sha) == find_content(file.sha)
    ):
        return False
    is_history = file.share is not None and file.is_later
    return not is_history or database.find_counting(find_content(file.sha)) is not None


def _find_grown(database: Database, files: Sequence[FileOutcome], file: FileOutcome) -> set[str]:
    """Return the counting readings in whose place a scored file comes, since it begins with them."""
    if file.status != "scored":
        return set()
    known = {
        (sha, database.entries[sha, name].uri, database.versions[sha])
        for sha in database.scored()
        for name in database.models_of(sha)
        if database.counts(sha)
    }
    known |= {(each.sha, each.uri, each.version) for each in files if each.status == "scored"}
    return {
        sha
        for sha, uri, _ in known
        if file.beginnings.get(find_content(sha), 0) >= (1 if uri == file.uri else FEWEST_ROWS)
    }


def _keep_forgotten(after: Database, file: FileOutcome, grown: Collection[str]) -> FileOutcome:
    """Let what was forgotten in the beginnings of a file stay so in it; return it as refused if that can't be found."""
    if file.status != "scored":
        return file
    found = set[Key]()
    for sha, number in after.forgotten:
        content = find_content(sha)
        rows, last = file.beginnings.get(content, 0), after.find_last(content)
        if after.find_whole(content) != content and after.find_whole(content) in file.beginnings:
            continue
        if rows and last in (None, sha) and (number < rows or rows >= FEWEST_ROWS or sha in grown):
            if last is not None and after.versions[sha] != file.version:
                return replace(file, status="rows_renumbered")
            found.add((file.sha, number))
    after.forgotten |= found
    return file


def _replace_grown(
    after: Database, grown: Mapping[str, tuple[str, Collection[str]]], moment: datetime
) -> None:
    """Let files take the place of their beginnings: by each the content for which it stands, and those readings."""
    wholes = set[str]()
    for whole, earlier in sorted(grown.values(), key=lambda each: len(each[1])):
        contents = {find_content(sha) for sha in earlier}
        family = {key for key in after.ledger if after.find_whole(find_content(key[0])) in contents}
        _supersede(after, {sha for sha, _ in family}, moment)
        after.entries |= {key: replace(after.entries[key], grown_into=whole) for key in family}
        wholes |= {whole} if earlier else set()
    shared = {key for key in after.forgotten if after.find_whole(find_content(key[0])) in wholes}
    _forget_in(after, extend(after, shared))


def extend(database: Database, keys: Collection[Key]) -> set[Key]:
    """Return rows with the same ones in other readings of their files, and in what these were before they grew.

    By another profile it is not known which they are: then they are all rows of a reading that is history.
    """
    there = database.texts | database.open.keys() | database.released
    found = set(keys)
    for sha, number in keys:
        content = find_content(sha)
        if not database.list_readings(content):
            continue
        for other, row in there:
            if other == sha or database.find_whole(find_content(other)) != database.find_whole(content):
                continue
            is_alike = find_content(other) == content or database.versions[other] == database.versions.get(
                sha
            )
            if row == number if is_alike else not database.counts(other) or not database.models_of(sha):
                found.add((other, row))
    return found


def let_return(
    database: Database, contents: Contents, names: Mapping[str, str], moment: datetime
) -> Database:
    """Return the database in which known files, which came again under `names`, took the place of their beginnings."""
    after, grown = database.copy(), {}
    for uri, sha in names.items():
        whole = after.find_whole(sha)
        readings = [each for each in after.list_readings(sha) if after.models_of(each)]
        standing = [each for each in readings if whole != sha or after.counts(each)]
        found = set[str]()
        for reading in standing:
            file = FileOutcome(reading, "scored", 0, after.versions[reading], uri=uri)
            earlier = _find_grown(after, (), replace(file, beginnings=find_beginnings(contents, sha)))
            found |= {
                each
                for each in earlier
                if after.versions[each] == file.version or all(of != each for of, _ in after.forgotten)
            }
        grown[uri] = (whole, found)
    _replace_grown(after, grown, moment)
    return after


def _find_exports(
    database: Database, files: Sequence[FileOutcome], arriving: Collection[str]
) -> tuple[list[FileOutcome], set[str]]:
    """Return the files, of which far too small exports are refused, and the full exports with reviews among them."""
    found, exports = [], set()
    sizes = Counter(sha for sha, _ in database.texts)
    counting = [sha for sha in database.scored() if database.counts(sha) and sizes[sha]]
    last = sizes[max(counting, key=database.find_arrival)] if counting else 0
    for file in sorted(files, key=lambda each: (each.uri, each.sha)):
        reviews = len(file.texts)  # forgotten ones too: it replaced what it did when they were there
        is_export = (
            file.status == "scored" and file.share is not None and (file.is_later or file.sha in arriving)
        )
        if is_export and file.sha in arriving and reviews < (file.share or 0) * last:
            found.append(replace(file, status="export_too_small"))
            continue
        found.append(file)
        if is_export and reviews:
            exports.add(file.sha)
            last = reviews if file.sha in arriving else last
    return found, exports


def _list_forgotten(database: Database, sha: str) -> set[Key]:
    """Return the forgotten rows of a reading, as those of the one before."""
    before = database.find_last(find_content(sha))
    return {(sha, number) for of, number in database.forgotten if of in (sha, before)}


def _commit_file(after: Database, model: str, file: FileOutcome, number: int, moment: datetime) -> None:
    after.superseded.discard((file.sha, model))
    before = after.entries.get((file.sha, model))
    refused_as = before.refused_as if before else ()
    if file.status != "scored":
        refused_as = (*refused_as, name_refusal(file.version, file.uri))
    after.entries[file.sha, model] = Entry(number, file.uri, file.version, refused_as=refused_as)
    if file.status != "scored":
        after.ledger[file.sha, model] = file.status
        return
    after.versions[file.sha] = file.version
    if not after.models_of(file.sha):
        if file.is_later:
            after.forgotten |= _list_forgotten(after, file.sha)
            _let_count(after, file.sha, moment)
        after.texts |= file.texts - after.forgotten
        after.open.update({key: rule for key, rule in file.bad if key not in after.forgotten})
    after.scores |= {(*key, model) for key in file.texts - after.forgotten}
    for sha, other in list(after.ledger):
        if sha == file.sha and after.ledger[sha, other] != "scored" and other != model:
            del after.ledger[sha, other], after.entries[sha, other]
            after.superseded.discard((sha, other))
    after.ledger[file.sha, model] = "scored"


def _let_count(after: Database, sha: str, moment: datetime) -> None:
    """Let a reading count in place of the others of its file."""
    others = {key[0] for key in after.ledger if key[0] != sha and find_content(key[0]) == find_content(sha)}
    after.superseded = {key for key in after.superseded if key[0] != sha}
    _supersede(after, others, moment)


def _supersede(after: Database, shas: Collection[str], moment: datetime) -> None:
    keys = {key for key in after.ledger if key[0] in shas} - after.superseded
    after.superseded |= keys
    after.entries |= {key: replace(after.entries[key], superseded_at=moment) for key in keys}


def _replace_files(
    after: Database, exports: Collection[str], arriving: Collection[str], moment: datetime
) -> None:
    """Let the last full export take the place of all files that arrived before it."""
    order = {sha: (sha in arriving, *after.find_arrival(sha)) for sha in after.scored() if after.counts(sha)}
    for key, status in after.ledger.items():
        if status != "scored" and key not in after.superseded:
            entry = after.entries[key]
            order[key[0]] = (key[0] in arriving, entry.number, entry.uri, key[0])
    last = max((order[sha] for sha in exports if sha in order), default=None)
    if last is not None:
        _supersede(after, {sha for sha, arrival in order.items() if arrival < last}, moment)


def count_again(database: Database, readings: Collection[str], replaces: bool, moment: datetime) -> Database:
    """Return the database in which earlier readings count again."""
    after = database.copy()
    for sha in readings:
        _let_count(after, sha, moment)
    if replaces:
        filled = {sha for sha, _ in after.texts}
        _replace_files(after, filled & set(readings), (), moment)
    return after


def commit_all(database: Database, parts: Iterable[Part], moment: datetime) -> list[Database]:
    """Return the states before, between and after the commits of parts; skip parts that do not fit."""
    states = [database]
    for part in parts:
        moment += timedelta(milliseconds=1)
        after = commit(states[-1], part, moment)
        if after is not None and after != states[-1]:
            states.append(after)
    return states


def promote(database: Database, action: str, model: str) -> Database:
    after = database.copy()
    after.promotions.append((action, model))
    return after


def forget(database: Database, keys: Iterable[Key]) -> Database:
    """Return the database without the rows, with their entries in `forgotten_rows`."""
    after = database.copy()
    _forget_in(after, set(keys))
    return after


def _forget_in(after: Database, doomed: set[Key]) -> None:
    after.forgotten |= doomed
    after.texts -= doomed
    after.released -= doomed
    after.scores = {score for score in after.scores if score[:2] not in doomed}
    after.open = {key: rule for key, rule in after.open.items() if key not in doomed}


def release(
    database: Database, contents: Contents, keys: Iterable[Key], max_characters: int, encoding: str
) -> Database:
    """Return the database with those of the rows released that now pass."""
    after = database.copy()
    for sha, number in keys:
        row = contents[sha].rows[number - 1]
        models = database.models_of(sha)
        if row.find_rule(max_characters, encoding) or not any(map(row.is_known_to, models)):
            continue
        del after.open[sha, number]
        after.released.add((sha, number))
        after.texts.add((sha, number))
        after.scores |= {(sha, number, model) for model in models}
    return after
