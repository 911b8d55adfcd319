"""Plans each command with the simple model: the states that it goes through, and the errors that it may raise."""

from collections.abc import Callable, Mapping, Sequence, Set
from datetime import timedelta
from pathlib import Path

from tests.explore import model
from tests.explore.content import find_content, name_reading
from tests.explore.model import Database, Key, Part
from tests.explore.observing import hash_files, is_whole, read_forgotten
from tests.explore.world import Plan, World

SCORED = timedelta(seconds=1)
"""How long a run takes, roughly, from one of its commits to the next."""
BUNDLE, USAGE, WAREHOUSE, ANY = ("BundleError",), ("UsageError",), ("WarehouseError",), ("ReviewsError",)


def plan_score(
    world: World, named: Sequence[str], asked: str | None, rescore: bool, max_characters: int
) -> Plan:
    """Plan a scoring run: uncommitted parts, then new files, then files that only other models have scored."""
    states = [world.database]
    if asked and not _may_score(world, world.database, asked):
        return Plan(states, BUNDLE, must_refuse=True)
    states = _start(world)
    chosen = asked or world.database.champion
    parts: list[Part] = []
    returned = {
        uri: sha
        for uri, sha in _list_seen(world, named).items()
        if states[-1].seen.get(uri) != sha and states[-1].models_of(sha)
    }
    settled = model.let_return(states[-1], world.contents, returned, world.next_moment)
    states += [settled] if settled != states[-1] else []
    new = _list_new(world, states[-1], named)
    if new:
        if not _may_score(world, states[-1], chosen):
            return Plan(states, BUNDLE, must_refuse=True)
        new = {sha: uri for sha, uri in new.items() if not world.contents[sha].waits(world.version, uri)}
        reader = model.Reader(str(chosen), max_characters, world.version, world.share)
        for together in _split_by_arrival(world, new):
            parts.append(model.score_new(world.contents, together, reader))
            states += model.commit_all(states[-1], parts[-1:], world.next_moment + SCORED)[1:]
    older = _list_older(world, states[-1], named, chosen) if rescore and chosen else []
    if older:
        if not _may_score(world, states[-1], chosen):
            return Plan(states, BUNDLE, must_refuse=True, parts=parts)
        parts.append(model.score_again(states[-1], world.contents, older, str(chosen)))
        states += model.commit_all(states[-1], parts[-1:], world.next_moment + 2 * SCORED)[1:]
    return Plan(states, parts=parts)


def plan_rescan(world: World, max_characters: int) -> Plan:
    """Plan a rescan: uncommitted parts, then readings that count again, then files that the profile has not read."""
    states = _start(world)
    database, version = states[-1], world.version
    if version is None and all(entry.version is None for entry in database.entries.values()):
        return Plan(states, USAGE, must_refuse=True)
    earlier, unread = _list_unread(world, database)
    if unread and not _may_score(world, database, database.champion):
        return Plan(states, BUNDLE, must_refuse=True)
    if earlier:
        moment = world.next_moment + SCORED
        states.append(model.count_again(database, earlier, world.share is not None, moment))
    read_as = {sha: _find_name(world, find_content(sha), uri) for sha, uri in unread.items()}
    new = {sha: uri for sha, uri in unread.items() if not world.contents[sha].waits(version, read_as[sha])}
    reader = model.Reader(str(database.champion), max_characters, version, world.share)
    part = model.score_new(world.contents, new, reader, read_as)
    states += model.commit_all(states[-1], [part], world.next_moment + 2 * SCORED)[1:]
    return Plan(states, parts=[part] if unread else [])


def _find_name(world: World, content: str, first: str) -> str:
    """Return the name under which a rescan reads a content: that of its arrival while it is there, or the first."""
    names = [name.rsplit("/", 1)[-1] for name, sha in world.list_files().items() if sha == content]
    return first if first in names else names[0]


def _start(world: World) -> list[Database]:
    """Return the states at the beginning of a run: what a killed `forget` remembered goes, then parts are committed."""
    before = _forget_again(world.database, world.list_remembered())
    states = model.commit_all(before, world.waiting_parts(), world.next_moment)
    return states if before == world.database else [world.database, *states]


def _list_unread(world: World, database: Database) -> tuple[list[str], dict[str, str]]:
    """Return the readings that count again, and the names of the files of which there are new readings."""
    earlier: list[str] = []
    unread: dict[str, str] = {}
    there = set(world.list_files().values())
    for content in _list_rescannable(world, database):
        known = database.find_read_by(content, world.version)
        others = any(database.counts(sha) for sha in database.list_readings(content) if sha != known)
        if known and (others or not database.counts(known)):
            earlier.append(known)
        if known is None and content in there:
            name = content
            if database.find_last(content) and not _is_refused(database, content):
                name = name_reading(content, world.version)
            unread[name] = database.find_first(content)[1]
    return earlier, unread


def _is_refused(database: Database, content: str) -> bool:
    """Return whether of the readings of a content none counts that was scored, and one that was refused does."""
    readings = database.list_readings(content)
    return not database.find_counting(content) and any(map(database.counts, readings))


def _list_rescannable(world: World, database: Database) -> list[str]:
    """Return the contents that a rescan looks at."""
    contents = sorted(
        content
        for content in {find_content(sha) for sha, _ in database.ledger}
        if database.find_whole(content) == content
    )
    if world.share is None:
        return contents
    counting = [each for each in contents if any(map(database.counts, database.list_readings(each)))]
    filled = [each for each in counting if (sha := database.find_counting(each)) and world.contents[sha].rows]
    last = max(map(database.find_first, filled), default=None)
    return [each for each in counting if last is None or database.find_first(each) >= last]


def _may_score(world: World, database: Database, chosen: str | None) -> bool:
    return chosen in database.promoted() and chosen not in world.damaged_bundles


def _list_seen(world: World, named: Sequence[str]) -> dict[str, str]:
    """Return the contents of the files that a run looks at, by their names."""
    found = hash_files(world.settings.home.inbox)
    return {name: found[name] for name in named or found}


def _list_new(world: World, database: Database, named: Sequence[str]) -> dict[str, str]:
    """Return the contents that a run reads, with the name of the first file that is to be read of each."""
    new: dict[str, str] = {}
    for uri, sha in _list_seen(world, named).items():
        if not database.models_of(sha) and (named or not database.is_refused_as(sha, world.version, uri)):
            new.setdefault(sha, uri)
    return new


def _split_by_arrival(world: World, new: Mapping[str, str]) -> list[dict[str, str]]:
    """Return new files as they were committed together before a restore; those that it does not know last."""
    places = world.list_waiting()
    found: dict[int, dict[str, str]] = {}
    for sha, uri in new.items():
        found.setdefault(places.get(sha, len(places) + max(places.values(), default=0)), {})[sha] = uri
    return [found[place] for place in sorted(found)]


def _list_older(world: World, database: Database, named: Sequence[str], chosen: str) -> list[str]:
    among = set(_list_seen(world, named).values()) if named else None
    return [
        sha
        for sha in database.scored()
        if database.counts(sha)
        and chosen not in database.models_of(sha)
        and (among is None or find_content(sha) in among)
    ]


def plan_promote(world: World, name: str) -> Plan:
    before = world.database
    if before.champion == name:
        return Plan([before])
    if name in world.damaged_bundles:
        return Plan([before], BUNDLE, must_refuse=True)
    return Plan([before, model.promote(before, "promote", name)])


def plan_roll_back(world: World) -> Plan:
    before = world.database
    earlier = before.standing()[:-1]
    if not earlier:
        return Plan([before], WAREHOUSE, must_refuse=True)
    if earlier[-1] in world.damaged_bundles:
        return Plan([before], BUNDLE, must_refuse=True)
    return Plan([before, model.promote(before, "rollback", earlier[-1])])


def plan_release(world: World, keys: Sequence[Key], max_characters: int, encoding: str) -> Plan:
    before = world.database
    after = model.release(before, world.contents, keys, max_characters, encoding)
    passing = [
        key for key in keys if not world.contents[key[0]].rows[key[1] - 1].find_rule(max_characters, encoding)
    ]
    scorers = {name for sha, _ in passing for name in before.models_of(sha)}
    if scorers & world.damaged_bundles:
        return Plan([before], BUNDLE, must_refuse=True)
    if after == before:
        return Plan([before], ANY, must_refuse=bool(keys))
    return Plan([before, after])


def plan_forget(world: World, kind: str, name: str) -> Plan:
    states = model.commit_all(world.database, world.waiting_parts(), world.next_moment)
    keys = find_meant(world, states[-1], kind, name)
    if not keys:
        return Plan(states, USAGE, must_refuse=True)
    return Plan([*states, model.forget(states[-1], keys)])


def find_meant(world: World, database: Database, kind: str, name: str) -> list[Key]:
    """Return the rows in the tables that match a name, in all readings of their files and what these were before."""
    there = sorted(database.texts | database.open.keys() | database.released)
    rows = {key: world.contents[key[0]].rows[key[1] - 1] for key in there}
    fits: dict[str, Callable[[Key], bool]] = {
        "review": lambda key: rows[key].review_id == name,
        "movie": lambda key: rows[key].movie_id == name,
        "file": lambda key: key[0].startswith(name),
        "row": lambda key: f"{key[0][:12]}:{key[1]}" == name,
    }
    return sorted(model.extend(database, {*filter(fits[kind], there)}))


def plan_restore(world: World, manifest: Path) -> Plan:
    if not is_whole(manifest):
        return Plan([world.database], ("ReviewsError",), must_refuse=True)
    # Those of a later reading may be in the present database, or in the published copy, alone.
    present = set() if world.database_is_lost else world.database.forgotten
    known = world.list_remembered() | present | read_forgotten(world.settings.home.published)
    return Plan([world.database, _forget_again(world.backups[manifest].database, known)])


def _forget_again(database: Database, known: Set[Key]) -> Database:
    """Return a database without rows that are known as forgotten, in all readings of their files likewise."""
    return model.forget(database, model.extend(database, known - database.forgotten))
