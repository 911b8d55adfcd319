"""The simple model: the expected content of the database, as sets, and the states each command may leave.

A command is modelled as its sequence of states: a successful one ends in the last, a killed one in any of them.
Nothing here reads a disk or calls the program.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from tests.explore.content import Content, Row, find_content

Key = tuple[str, int]
"""(sha256 of the file, row number)."""
Contents = Mapping[str, Content]
"""By sha256: all that was ever put into the inbox."""


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

    def find_read_by(self, content: str, version: str) -> str | None:
        """Return the scored reading of a content by a version of the profile."""
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


def score_new(contents: Contents, shas: Iterable[str], reader: Reader) -> Part:
    """Return the part that a model makes of new files, or of new readings of known ones."""
    return Part(reader.model, tuple(_judge(contents[sha], sha, reader) for sha in shas))


def _judge(content: Content, sha: str, reader: Reader) -> FileOutcome:
    refused = content.find_rule(reader.max_characters)
    if refused:
        return FileOutcome(sha, refused, len(content.rows))
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
            )
            for sha in shas
        ),
    )


def commit(database: Database, part: Part) -> Database | None:
    """Return the database with a part committed; None if the part no longer fits."""
    after = database.copy()
    for file in part.files:
        if after.ledger.get((file.sha, part.model)) != "scored":
            _commit_file(after, part.model, file)
    fits = all(
        after.is_accounted(file.sha, part.model, file.rows) for file in part.files if file.status == "scored"
    )
    return after if fits else None


def _commit_file(after: Database, model: str, file: FileOutcome) -> None:
    after.superseded.discard((file.sha, model))
    if file.status != "scored":
        after.ledger[file.sha, model] = file.status
        return
    after.versions[file.sha] = file.version
    if not after.models_of(file.sha):
        _replace_reading(after, file.sha)
        after.texts |= file.texts - after.forgotten
        after.open.update({key: rule for key, rule in file.bad if key not in after.forgotten})
    after.scores |= {(*key, model) for key in file.texts - after.forgotten}
    for sha, other in list(after.ledger):
        if sha == file.sha and after.ledger[sha, other] != "scored":
            del after.ledger[sha, other]
            after.superseded.discard((sha, other))
    after.ledger[file.sha, model] = "scored"


def _replace_reading(after: Database, sha: str) -> None:
    """Let a new reading take the place of the one before, whose forgotten rows stay forgotten."""
    before = after.find_counting(find_content(sha))
    after.forgotten |= {(sha, number) for of, number in after.forgotten if of == before}
    _let_count(after, sha)


def _let_count(after: Database, sha: str) -> None:
    others = {key for key in after.ledger if key[0] != sha and find_content(key[0]) == find_content(sha)}
    after.superseded = {key for key in after.superseded if key[0] != sha} | others


def count_again(database: Database, readings: Iterable[str]) -> Database:
    """Return the database in which earlier readings count again."""
    after = database.copy()
    for sha in readings:
        _let_count(after, sha)
    return after


def commit_all(database: Database, parts: Iterable[Part]) -> list[Database]:
    """Return the states before, between and after the commits of parts; skip parts that do not fit."""
    states = [database]
    for part in parts:
        after = commit(states[-1], part)
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
    doomed = set(keys)
    after.forgotten |= doomed
    after.texts -= doomed
    after.released -= doomed
    after.scores = {score for score in after.scores if score[:2] not in doomed}
    after.open = {key: rule for key, rule in after.open.items() if key not in doomed}
    return after


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


def restore(database: Database | None, backup: Database) -> Database:
    """Return a backup without the rows forgotten since, as far as the present database records them."""
    return forget(backup, database.forgotten) if database else backup.copy()
