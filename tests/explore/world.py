"""A home under exploration: the real one on disk, its simple model, and its history."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from deployments.settings import Settings, load_settings
from tests.explore import model
from tests.explore.content import MAX_CHARACTERS, Contents
from tests.explore.model import Database, Key, Part
from tests.explore.observing import Observed, WaitingPart, hash_files, list_parts, observe
from tests.explore.worker import BROKE, DONE, KILLED, REFUSED, Reply, Request, Worker

START = datetime(2026, 3, 1, 23, 59, 50, tzinfo=UTC)
COMMITTING = ("score", "rescan", "forget")
"""The commands that commit the parts that wait."""
STEP = timedelta(seconds=3)
"""How far the clock goes on between two commands."""


@dataclass(frozen=True)
class Kill:
    """Where a command is killed: at a fault point, or before its n-th change of the disk; nowhere by default."""

    point: str = ""
    change: int = 0

    def __bool__(self) -> bool:
        return bool(self.point or self.change)


@dataclass(frozen=True)
class Plan:
    """The states that a command may go through, and the errors that it may raise."""

    states: Sequence[Database]
    refusals: tuple[str, ...] = ()
    must_refuse: bool = False
    parts: Sequence[Part] = ()
    """Those that it makes, and that wait if it dies."""

    @property
    def commits(self) -> bool:
        return len(self.states) > 1


@dataclass
class Backup:
    """The content of a backup."""

    database: Database
    damaged_bundles: set[str]


class World:
    """A home, its model and the facts that the checks need; one for each history."""

    def __init__(self, worker: Worker, template: Path, folder: Path, events: Counter[str]) -> None:
        self.worker, self.template, self.folder, self.events = worker, template, folder, events
        shutil.copytree(template, folder / "home")
        self.settings: Settings = load_settings({"REVIEWS_HOME": str(folder / "home")})
        self.now = START
        self.database = Database()
        self.contents = Contents()
        self.version: str | None = None
        """Of the profile of the files in no folder; None if they have none."""
        self.shares: dict[str, float | None] = {}
        """By the versions of profiles: as of `SHARES`, what each says of each file."""
        self.known_parts: dict[tuple[str, frozenset[str]], Part] = {}
        self.damaged_parts: set[str] = set()
        self.damaged_bundles: set[str] = set()
        self.backups: dict[Path, Backup] = {}
        """By their manifests."""
        self.arrivals: dict[str, int] = {}
        """In which order files came before the last restore."""
        self.exports: set[Path] = set()
        self.scores: dict[tuple[str, str], float] = {}
        self.kept: set[str] = set()
        """Contents that were put in and that no one but the product has touched since."""
        self.is_published = False
        """Whether what is published must be what is committed."""
        self.is_tidy = True
        """Whether nothing half made may lie about."""
        self.database_is_lost = False
        self.observed: Observed
        self.last = ""
        """The last command and how it ended."""
        self.is_unproved = False
        """Whether a command has ended since the product proved itself."""
        self.observed = self.look()

    @property
    def share(self) -> float | None:
        """As of `SHARES`, what the profile of the files in no folder says of each file."""
        return self.shares.get(self.version) if self.version else None

    def look(self) -> Observed:
        """Read the database; it may be missing if a rule deleted it."""
        try:
            return observe(self.settings.home.warehouse)
        except duckdb.Error:
            if not self.database_is_lost:
                raise
            return self.observed

    def list_remembered(self) -> set[Key]:
        """Return the rows that the home's record of forgotten rows has."""
        record = self.settings.home.forgotten
        lines = map(json.loads, record.read_text("utf-8").splitlines() if record.exists() else [])
        return {(line["source_sha256"], line["row_number"]) for line in lines}

    def list_files(self) -> dict[str, str]:
        """Return the contents of the inbox and of `scored/`, by path in the home."""
        found = {f"inbox/{name}": sha for name, sha in hash_files(self.settings.home.inbox).items()}
        if self.settings.home.scored.is_dir():
            found |= {f"scored/{name}": sha for name, sha in hash_files(self.settings.home.scored).items()}
        return found

    def list_waiting(self) -> dict[str, int]:
        """Return the order in which the next run commits the files that came before the last restore."""
        return self.arrivals if (self.settings.home.running / "arrivals-before.json").exists() else {}

    @property
    def next_moment(self) -> datetime:
        """The moment that the next command sees."""
        return self.now + STEP

    def waiting_parts(self) -> list[Part]:
        """Return the readable uncommitted parts, in the order of their commits."""
        return [self.known_parts[part.model, part.files] for part in self._list_readable_parts()]

    def _list_readable_parts(self) -> list[WaitingPart]:
        folder = self.settings.home.parts
        return list_parts(folder, self.damaged_parts) if folder.is_dir() else []

    def run(
        self, command: str, arguments: Mapping[str, Any], plan: Plan, kill: Kill, **environment: str
    ) -> Reply:
        """Run a command, compare the result with the plan, and continue from the state of the database."""
        self.now += STEP
        awaited = self._find_awaited_runs()
        reply = self.worker.run(
            Request(
                command,
                arguments,
                str(self.settings.home.folder),
                self.now.isoformat(),
                {
                    "REVIEWS_MAX_TEXT_CHARS": str(MAX_CHARACTERS),
                    "REVIEWS_KEEP_BACKUPS": "3",
                    **environment,
                },
                kill.point,
                kill.change,
            )
        )
        self._note(command, kill, reply)
        assert reply.ended != BROKE, f"{command} ended with {reply.error}:\n{reply.said}"
        self._take_over(command, plan, reply)
        if reply.ended == DONE and command in COMMITTING:
            anew = {key: run for key, run in awaited.items() if self.observed.runs.get(key) != run}
            assert not anew, f"{command} has scored anew, or lost, what parts of killed runs held: {anew}"
        self.is_unproved = command != "verify"
        self.last = f"{command} {reply.ended}"
        if reply.ended == KILLED:
            self.is_tidy = self.is_published = False
            # The model knows no files that are scored alone since several runs in a row were killed over them.
            (self.settings.home.running / "scored-now.json").unlink(missing_ok=True)
        return reply

    def _find_awaited_runs(self) -> dict[tuple[str, str], str]:
        """Return the expected run of each file and model once the uncommitted parts are committed."""
        awaited: dict[tuple[str, str], str] = {}
        for part in self._list_readable_parts():
            known = self.known_parts[part.model, part.files]
            after = model.commit(self.database, known, self.next_moment)
            if after is not None:
                new = {file.sha for file in known.files if part.model in after.models_of(file.sha)}
                new -= {sha for sha in new if part.model in self.database.models_of(sha)}
                awaited |= {(sha, part.model): part.run for sha in new}
        return awaited

    def _note(self, command: str, kill: Kill, reply: Reply) -> None:
        self.events[f"{command} {reply.ended}"] += 1
        if kill.change and reply.ended != KILLED:
            self.events["kills that came too late"] += 1
        if reply.ended == KILLED:
            self.events[f"killed at {kill.point}" if kill.point else "killed at a change of the disk"] += 1

    def _take_over(self, command: str, plan: Plan, reply: Reply) -> None:
        self.known_parts |= {part.name: part for part in plan.parts}
        self.observed = self.look()
        found = self.observed.database
        if reply.ended == KILLED:
            assert found in plan.states, describe_difference(command, reply, plan.states, found)
        else:
            if reply.ended == REFUSED:
                assert reply.error in plan.refusals, f"{command} was refused: {reply.error}: {reply.said}"
            else:
                assert not plan.must_refuse, f"{command} was to be refused with {plan.refusals}: {reply.said}"
            # What may be refused and was has changed nothing, unless it must be refused where the plan ends.
            wanted = plan.states[:1] if reply.ended == REFUSED and not plan.must_refuse else plan.states[-1:]
            assert found in wanted, describe_difference(command, reply, wanted, found)
        self._count(found)
        self.database = found

    def _count(self, found: Database) -> None:
        """Count the operations that took effect, to show that the exploration is not idle."""
        self.events["rows scored"] += len(found.scores - self.database.scores)
        self.events["rows quarantined"] += len(found.open.keys() - self.database.open.keys())
        self.events["rows forgotten"] += len(found.forgotten - self.database.forgotten)
        self.events["rows released"] += len(found.released - self.database.released)
        self.events["files scored or refused"] += len(found.ledger.keys() - self.database.ledger.keys())

    def has_published(self) -> bool:
        return self.settings.home.published.is_file()

    def can_read_published(self) -> bool:
        """Return whether the published copy is a readable database."""
        try:
            observe(self.settings.home.published)
        except duckdb.Error:
            return False
        return True

    def has_waiting_parts(self) -> bool:
        return bool(self._list_readable_parts())

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def describe_difference(command: str, reply: Reply, wanted: Sequence[Database], found: Database) -> str:
    """Describe how the observed state differs from each expected one."""
    lines = [
        f"{command} {reply.ended}: the database is none of the {len(wanted)} that it may be. {reply.said}"
    ]
    for number, state in enumerate(wanted):
        for name in (each.name for each in fields(state) if each.compare):
            mine, other = getattr(state, name), getattr(found, name)
            if mine != other:
                lines.append(f"state {number}, {name}: wanted {_shorten(mine)}, found {_shorten(other)}")
    return "\n".join(lines)


def _shorten(value: Any) -> Any:
    if isinstance(value, set):
        return sorted((key[0][:8], *key[1:]) for key in value)
    if isinstance(value, dict):
        return {(key[0][:8], *key[1:]): each for key, each in sorted(value.items())}
    return value


def damage_file(path: Path, place: int) -> None:
    """Change a byte of a file, or truncate the file there if `place` is even."""
    size = path.stat().st_size
    position = place % max(size, 1)
    if place % 2 == 0:
        os.truncate(path, position)
        return
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1) or b"\0"
        file.seek(position)
        file.write(bytes([byte[0] ^ 0xFF]))


__all__ = ["DONE", "KILLED", "REFUSED", "Backup", "Kill", "Plan", "World", "damage_file"]
