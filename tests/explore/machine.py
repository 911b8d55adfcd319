"""The state machine of `make explore`: rules that use, kill, damage and repair a home, in any order.

Each rule asks the simple model for the allowed states, runs the real command, and passes both to the checks.
`tests/explore/__main__.py` runs it for long, `tests/explore/test_explore.py` for moments.
"""

import json
import os
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from data_contracts.sources.profile import name_version, parse_profile
from data_contracts.storage.faults import FAULT_POINTS
from tests.explore import checks, plans
from tests.explore.content import (
    DATES,
    MAX_CHARACTERS,
    MOVIES,
    RAISED_CHARACTERS,
    SHARES,
    TEXTS,
    Content,
    Row,
    find_content,
    format_profile,
)
from tests.explore.models import MODELS
from tests.explore.observing import list_backups, read_export
from tests.explore.worker import Reply, Worker
from tests.explore.world import DONE, KILLED, REFUSED, Backup, Kill, Plan, World

SCORE_POINTS = tuple(point for point in FAULT_POINTS if point.startswith("score: "))
RESCAN_POINTS = (*SCORE_POINTS, "rescan: reading replaced")
PART_POINTS = ("score: part written", "score: inside commit", "score: after commit")
"""Those that leave a part behind."""
EXPORT_POINTS = tuple(point for point in FAULT_POINTS if point.startswith("deliver: "))
PROMOTE_POINTS = ("train: inside promotion", "score: inside publishing")
PUBLISH_POINTS = ("score: copy half written", "score: inside publishing", "score: standby kept")
BACKUP_POINTS = tuple(point for point in FAULT_POINTS if point.startswith("snapshot: "))
NAMES = ("a.csv", "b.csv", "c.csv", "d.csv")
FOLDERS = ("home/exports", "elsewhere")
LINES_NAME = "e.jsonl"
LARGEST_FILE = 5
picks = st.integers(0, 999)
"""Which of those that there are, by remainder."""


def kills(points: tuple[str, ...]) -> st.SearchStrategy[Kill]:
    """Draw where a command dies: mostly nowhere."""
    return st.one_of(
        st.just(Kill()),
        st.just(Kill()),
        st.sampled_from(points).map(lambda point: Kill(point=point)),
        st.integers(1, 20).map(lambda change: Kill(change=change)),
    )


class HomeMachine(RuleBasedStateMachine):
    """The state machine of one home; class attributes are shared by all histories."""

    worker: ClassVar[Worker]
    template: ClassVar[Path]
    events: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        room = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk is waited for
        self.world = World(
            self.worker, self.template, Path(tempfile.mkdtemp(prefix="explore-", dir=room)), self.events
        )
        self.written = 0
        self.old_published: bytes | None = None

    def teardown(self) -> None:
        self.world.close()

    @initialize()
    def begin(self) -> None:
        """Promote the first model and score a file, so that there is data to break."""
        self.promote(0, Kill())
        self.put_file(NAMES[0], ["good", "rare", "long"], 0)
        self.score(False, None, None, False, False, Kill())

    # What people put in

    @rule(
        name=st.sampled_from(NAMES),
        kinds=st.lists(st.sampled_from(tuple(TEXTS)), min_size=0, max_size=LARGEST_FILE),
        movie=picks,
    )
    def put_file(self, name: str, kinds: list[str], movie: int) -> None:
        """Put a file with new content into the inbox, under a new or a known name."""
        self.written += 1
        rows = tuple(
            Row(
                place + 1,
                kind,
                f"mark{self.written}x{place}x",
                f"r{place}" if place % 2 else f"r{self.written}-{place}",
                MOVIES[(movie + place) % len(MOVIES)],
            )
            for place, kind in enumerate(kinds)
        )
        self._put(name, Content("table", rows, str(self.written)))

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from(["no text column", "empty"]))
    def put_bad_file(self, name: str, kind: str) -> None:
        self.written += 1
        self._put(name, Content(kind, (), str(self.written)))

    @precondition(lambda self: self.world.contents)
    @rule(name=st.sampled_from(NAMES), kinds=st.lists(st.sampled_from(tuple(TEXTS)), max_size=2), cut=picks)
    def grow_or_cut(self, name: str, kinds: list[str], cut: int) -> None:
        """Put a file at a place that has the first rows of the one there, and perhaps others after them."""
        path = self.world.settings.home.inbox / name
        there = self.world.contents.get(sha256(path.read_bytes()).hexdigest()) if path.exists() else None
        if there is None or not there.rows or there.kind != "table":
            return
        self.written += 1
        kept = there.rows if kinds else there.rows[: cut % len(there.rows)]
        added = tuple(
            Row(
                len(kept) + place, kind, f"mark{self.written}x{place}x", f"r{self.written}+{place}", MOVIES[0]
            )
            for place, kind in enumerate(kinds, 1)
        )
        self._put(name, replace(there, rows=(*kept, *added)))

    @rule(
        name=st.sampled_from((*NAMES, LINES_NAME)),
        kinds=st.lists(st.sampled_from(("good", "bad", "twin")), max_size=2),
    )
    def put_lines(self, name: str, kinds: list[str]) -> None:
        """Put JSON lines into the inbox, under a name that says so or another one."""
        self.written += 1
        rows = tuple(
            Row(place, kind, f"mark{self.written}x{place}x", f"r{self.written}-{place}", MOVIES[0])
            for place, kind in enumerate(kinds, 1)
        )
        self._put(name, Content("lines" if rows else "empty", rows, str(self.written)))

    @precondition(lambda self: self.world.contents)
    @rule(name=st.sampled_from((*NAMES, LINES_NAME)), which=picks)
    def put_known_content(self, name: str, which: int) -> None:
        """Put known content into the inbox, under any name; what is not JSON lines, under one of a table."""
        is_table = name != LINES_NAME
        known = [each for each in self.world.contents.values() if is_table or each.kind == "lines"]
        if known:
            self._put(name, known[which % len(known)])

    def _put(self, name: str, content: Content) -> None:
        self._count("put")
        world, path = self.world, self.world.settings.home.inbox / name
        path.write_bytes(content.bytes_)
        # No two files have one time: that two of one size are told apart by.
        self.written += 1
        moment = int(world.now.timestamp()) * 10**9 + self.written
        os.utime(path, ns=(moment, moment))
        world.contents[content.sha] = content
        world.kept = set(world.list_files().values())

    # Commands

    @rule(
        rescore=st.booleans(),
        named=st.none() | picks,
        asked=st.none() | st.none() | st.sampled_from(tuple(MODELS)),
        raised=st.booleans(),
        move=st.booleans(),
        kill=kills(SCORE_POINTS),
    )
    def score(
        self, rescore: bool, named: int | None, asked: str | None, raised: bool, move: bool, kill: Kill
    ) -> None:
        world = self.world
        present = sorted(path.name for path in world.settings.home.inbox.iterdir())
        files = [present[named % len(present)]] if present and named is not None else []
        limit = RAISED_CHARACTERS if raised else MAX_CHARACTERS
        plan = plans.plan_score(world, files, asked, rescore, limit)
        environment = {
            "REVIEWS_MAX_TEXT_CHARS": str(limit),
            "REVIEWS_SCORED_FILES": "move" if move else "keep",
        }
        arguments = {"files": files or None, "model_id": asked, "rescore": rescore}
        before = world.list_files()
        self._end_scoring(world.run("score", arguments, plan, kill, **environment), plan)
        self.events["files moved"] += len(set(world.list_files()) - set(before))

    def _end_scoring(self, reply: Reply, plan: Plan) -> None:
        """Note what must hold after a run that scored."""
        world = self.world
        if reply.ended == DONE:
            world.is_tidy = True
            world.is_published |= world.has_published()
        elif reply.ended == REFUSED and plan.commits:
            world.is_published = True
        if reply.ended != KILLED:
            self._forget_damaged_parts()

    @rule(which=st.integers(0, len(DATES) - 1), share=st.sampled_from(SHARES))
    def write_profile(self, which: int, share: float | None = None) -> None:
        """Write or change the profile of the files in no folder, which may be full exports."""
        self._count("write a profile" if share is None else "write a profile of full exports")
        path = self.world.settings.home.sources / "default.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(format_profile(DATES[which], share), "utf-8")
        version = name_version(parse_profile(path))
        self.world.version, self.world.shares[version] = version, share

    @precondition(lambda self: self.world.version is not None)
    @rule()
    def delete_profile(self) -> None:
        self._count("delete the profile")
        (self.world.settings.home.sources / "default.toml").unlink()
        self.world.version = None

    @precondition(lambda self: not self.world.last.startswith("rescan"))
    @rule(kill=kills(RESCAN_POINTS))
    def rescan(self, kill: Kill) -> None:
        plan = plans.plan_rescan(self.world, MAX_CHARACTERS)
        before = self.world.database.superseded
        self._end_scoring(self.world.run("rescan", {}, plan, kill), plan)
        self.events["readings superseded"] += len(self.world.database.superseded - before)

    @rule(which=st.integers(0, len(DATES) - 1), share=st.sampled_from(SHARES), kill=kills(RESCAN_POINTS))
    def write_profile_and_rescan(self, which: int, kill: Kill, share: float | None = None) -> None:
        """Read everything again by another profile."""
        self.write_profile(which, share)
        self.rescan(kill)

    @rule(
        name=st.sampled_from(NAMES),
        kinds=st.lists(st.sampled_from(tuple(TEXTS)), min_size=1, max_size=LARGEST_FILE),
        movie=picks,
        rescore=st.booleans(),
        kill=kills(SCORE_POINTS) | st.sampled_from(PART_POINTS).map(Kill),
    )
    def put_and_score(self, name: str, kinds: list[str], movie: int, rescore: bool, kill: Kill) -> None:
        """Put in and score a new file, so that most histories have scored files."""
        self.put_file(name, kinds, movie)
        self.score(rescore, None, None, False, False, kill)

    @rule()
    def score_all(self) -> None:
        """Score all pending files without a kill, as the next scheduled run does."""
        self.score(True, None, None, False, False, Kill())

    def _forget_damaged_parts(self) -> None:
        there = {path.name for path in self.world.settings.home.parts.glob("*")}
        self.world.damaged_parts &= there

    @precondition(lambda self: not self.world.last.startswith("promote"))
    @rule(which=st.integers(0, len(MODELS) - 1), kill=kills(PROMOTE_POINTS))
    def promote(self, which: int, kill: Kill) -> None:
        name = list(MODELS)[which]
        plan = plans.plan_promote(self.world, name)
        reply = self.world.run("promote", {"model": name}, plan, kill)
        self.world.is_published |= reply.ended == DONE and plan.commits

    @precondition(lambda self: self.world.database.standing()[1:])
    @rule(kill=kills(PROMOTE_POINTS))
    def roll_back(self, kill: Kill) -> None:
        reply = self.world.run("roll_back", {}, plans.plan_roll_back(self.world), kill)
        self.world.is_published |= reply.ended == DONE

    @precondition(lambda self: self._list_open() and self.world.last != "release refused")
    @rule(
        which=st.none() | picks,
        raised=st.booleans(),
        encoding=st.sampled_from(["utf-8", "latin-1"]),
        kill=kills(PUBLISH_POINTS),
    )
    def release(self, which: int | None, raised: bool, encoding: str, kill: Kill) -> None:
        world = self.world
        keys = self._list_open()
        if which is not None:
            keys = [keys[which % len(keys)]]
        limit = RAISED_CHARACTERS if raised else MAX_CHARACTERS
        plan = plans.plan_release(world, keys, limit, encoding)
        names = [] if which is None else [f"{sha[:12]}:{number}" for sha, number in keys]
        arguments = {"rows": names, "rule": None, "encoding": encoding}
        reply = world.run("release", arguments, plan, kill, REVIEWS_MAX_TEXT_CHARS=str(limit))
        world.is_published |= reply.ended == DONE and plan.commits

    def _list_open(self) -> list[tuple[str, int]]:
        """Return the rows that can be released."""
        return sorted(key for key in self.world.database.open if self.world.database.counts(key[0]))

    @precondition(lambda self: self.world.database.scored())
    @rule(
        kind=st.sampled_from(["review", "row", "row", "file", "movie"]),
        which=picks,
        kill=kills(PUBLISH_POINTS),
    )
    def forget(self, kind: str, which: int, kill: Kill) -> None:
        world = self.world
        rows = [(sha, row) for sha in world.database.scored() for row in world.contents[sha].rows]
        if not rows:
            return
        self._forget(kind, *rows[which % len(rows)], kill)

    def _forget(self, kind: str, sha: str, row: Row, kill: Kill) -> None:
        world = self.world
        name = {
            "review": row.review_id,
            "movie": row.movie_id,
            "file": sha[:12],
            "row": f"{sha[:12]}:{row.number}",
        }[kind]
        plan = plans.plan_forget(world, kind, name)
        before = world.database
        reply = world.run("forget", {"name": name, "kind": kind}, plan, kill)
        if reply.ended != KILLED:
            self._forget_damaged_parts()
        if reply.ended == DONE:
            world.is_published = True
            known = {(find_content(of), number) for of, number in before.forgotten}
            # A reading that a killed run had left brings those of an earlier one, of which this command says nothing.
            forgotten = {
                (of, number)
                for of, number in world.database.forgotten - before.forgotten
                if (find_content(of), number) not in known
            }
            files = {find_content(of) for of, _ in forgotten}
            # A file may have the same rows at its beginning, without having taken the place of the other one.
            others = {row.mark for of, each in world.contents.items() if of not in files for row in each.rows}
            marks = {world.contents[of].rows[number - 1].mark for of, number in forgotten} - others
            checks.check_bytes_gone(world, [mark.encode() for mark in marks], reply.said)

    # Copies

    @precondition(lambda self: self.world.has_published())
    @rule(
        folder=st.sampled_from(FOLDERS),
        only_new=st.sampled_from([True, True, True, False]),
        today=st.booleans(),
        kill=kills(EXPORT_POINTS),
    )
    def export(self, folder: str, only_new: bool, today: bool, kill: Kill) -> None:
        world, path = self.world, self.world.folder / folder
        world.exports.add(path)
        before = read_export(path)
        refusals = () if world.can_read_published() else plans.WAREHOUSE
        since = world.now.date().isoformat() if today else None
        arguments = {"folder": str(path), "only_new": only_new, "since": since}
        plan = Plan([world.database], refusals)
        reply = world.run("export", arguments, plan, kill)
        if reply.ended != DONE:
            return
        if not today:
            checks.check_export_complete(world, path)
        self.events["rows exported"] += sum((read_export(path) - before).values())

    @precondition(lambda self: not self.world.last.startswith("back_up"))
    @rule(named=st.booleans(), full=st.sampled_from([False, False, True]), kill=kills(BACKUP_POINTS))
    def back_up(self, named: bool, full: bool, kill: Kill) -> None:
        world = self.world
        place = world.folder / "kept" if named else None
        there = list_backups(world.folder)
        plan = Plan([world.database])
        reply = world.run("back_up", {"folder": str(place) if place else None, "full": full}, plan, kill)
        whole = list_backups(world.folder)
        for path in whole - there:
            world.backups[path] = Backup(world.database, set(world.damaged_bundles))
        if reply.ended == DONE:
            assert whole - there, f"a backup was made and is not there: {reply.said}"
        for path in set(world.backups) - whole:
            del world.backups[path]

    @precondition(lambda self: self.world.backups)
    @rule(which=picks, kill=kills(PUBLISH_POINTS))
    def restore(self, which: int, kill: Kill) -> None:
        """Restore a backup; repeat it if it was killed."""
        world = self.world
        folder = sorted(world.backups)[which % len(world.backups)]
        reply = self._restore(folder, kill)
        if reply == KILLED:
            reply = self._restore(folder, Kill())
        if reply == DONE:
            world.is_published = True
            world.damaged_bundles = (world.damaged_bundles & _missing_in(folder)) | world.backups[
                folder
            ].damaged_bundles
            world.damaged_parts.clear()

    def _restore(self, folder: Path, kill: Kill) -> str:
        world, present = self.world, self.world.database.list_arrivals()
        last, waiting = max(present.values(), default=0), world.list_waiting()
        after = {sha: last + 1 + number for sha, number in waiting.items()}
        arrivals = waiting if world.database_is_lost else after | present
        reply = world.run("restore", {"folder": str(folder)}, plans.plan_restore(world, folder), kill)
        if reply.ended == DONE or reply.ended == KILLED:
            world.arrivals = arrivals
            profile = (
                world.settings.home.sources / "default.toml"
            )  # put back, if it was deleted since the backup
            if world.version is None and profile.exists():
                world.version = name_version(parse_profile(profile))
        return reply.ended

    @precondition(lambda self: self.world.has_published())
    @rule(which=st.integers(0, len(MODELS) - 1), folder=st.sampled_from(FOLDERS))
    def export_what_another_model_scored(self, which: int, folder: str) -> None:
        """Export, rescore everything with another model, and export the new rows."""
        self.export(folder, True, False, Kill())
        self.promote(which, Kill())
        self.score_all()
        self.export(folder, True, False, Kill())

    @rule(
        kinds=st.lists(st.sampled_from(tuple(TEXTS)), min_size=2, max_size=LARGEST_FILE),
        which=picks,
        folder=st.sampled_from(FOLDERS),
        forgets=st.booleans(),
    )
    def go_back(self, kinds: list[str], which: int, folder: str, forgets: bool) -> None:
        """Restore a backup older than a file that was scored, exported and perhaps partly forgotten; score it again.

        hypothesis would draw so long a sequence too rarely.
        """
        world, there = self.world, set(self.world.backups)
        self.back_up(True, False, Kill())
        [backup] = set(world.backups) - there
        self.put_and_score(NAMES[0], kinds, 0, False, Kill())
        if not world.has_published():
            return
        self.export(folder, True, False, Kill())
        scored = {key[:2] for key in world.database.scores} - {
            key[:2] for key in world.backups[backup].database.scores
        }
        if forgets and scored:
            sha, number = sorted(scored)[which % len(scored)]
            self._forget("row", sha, world.contents[sha].rows[number - 1], Kill())
        self.restore(sorted(world.backups).index(backup), Kill())
        self.score_all()
        self.export(folder, True, False, Kill())

    @precondition(lambda self: self.world.is_unproved and self.world.is_published)
    @rule()
    def verify(self) -> None:
        """Run `reviews verify`."""
        world = self.world
        world.is_unproved = False
        damaged = world.damaged_bundles & world.database.promoted()
        is_broken = bool(damaged or world.list_remembered() - world.database.forgotten)
        refusals = plans.ANY if is_broken or not world.is_published else ()
        plan = Plan([world.database], refusals, must_refuse=is_broken)
        world.run("verify", {}, plan, Kill())

    @precondition(lambda self: self.world.is_unproved)
    @rule(hours=st.sampled_from([1, 24, 24 * 40, -1, -24, -24 * 40]))
    def set_clock(self, hours: int) -> None:
        self._count("set the clock")
        self.world.now += timedelta(hours=hours)

    def _count(self, what: str) -> None:
        self.events[what] += 1

    @invariant()
    def all_holds(self) -> None:
        """Run all checks after every step."""
        self.events["steps"] += 1
        checks.check(self.world)


def _missing_in(manifest: Path) -> set[str]:
    return set(MODELS) - {
        name.split("/")[1] for name in json.loads(manifest.read_bytes())["files"] if "/" in name
    }


def describe(counted: Counter[str]) -> list[str]:
    """Describe how often each operation took effect."""
    return [f"{times:>8,}  {what}" for what, times in sorted(counted.items())]
