"""Plans each command with the simple model: the states that it goes through, and the errors that it may raise."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.explore import model
from tests.explore.content import find_content
from tests.explore.model import Database, Key, Part
from tests.explore.observing import hash_files
from tests.explore.world import Plan, World

BUNDLE, USAGE, WAREHOUSE, ANY = ("BundleError",), ("UsageError",), ("WarehouseError",), ("ReviewsError",)


def plan_score(
    world: World, named: Sequence[str], asked: str | None, rescore: bool, max_characters: int
) -> Plan:
    """Plan a scoring run: uncommitted parts, then new files, then files that only other models have scored."""
    states = [world.database]
    if asked and not _may_score(world, world.database, asked):
        return Plan(states, BUNDLE, must_refuse=True)
    states = model.commit_all(world.database, world.waiting_parts())
    chosen = asked or world.database.champion
    parts: list[Part] = []
    new = _list_new(world, states[-1], named)
    if new:
        if not _may_score(world, states[-1], chosen):
            return Plan(states, BUNDLE, must_refuse=True)
        new = [sha for sha in new if not world.contents[sha].waits(world.version)]
        reader = model.Reader(str(chosen), max_characters, world.version)
        parts.append(model.score_new(world.contents, new, reader))
        states += model.commit_all(states[-1], parts[-1:])[1:]
    older = _list_older(world, states[-1], named, chosen) if rescore and chosen else []
    if older:
        if not _may_score(world, states[-1], chosen):
            return Plan(states, BUNDLE, must_refuse=True, parts=parts)
        parts.append(model.score_again(states[-1], world.contents, older, str(chosen)))
        states += model.commit_all(states[-1], parts[-1:])[1:]
    return Plan(states, parts=parts)


def plan_rescan(world: World, max_characters: int) -> Plan:
    """Plan a rescan: uncommitted parts, then readings that count again, then files that the profile has not read."""
    states = model.commit_all(world.database, world.waiting_parts())
    database, version = states[-1], world.version
    if version is None:
        return Plan(states, USAGE, must_refuse=True)
    earlier, unread = _list_unread(world, database, version)
    if unread and not _may_score(world, database, database.champion):
        return Plan(states, BUNDLE, must_refuse=True)
    if earlier:
        states.append(model.count_again(database, earlier))
    new = [sha for sha in unread if not world.contents[sha].waits(version)]
    reader = model.Reader(str(database.champion), max_characters, version)
    part = model.score_new(world.contents, new, reader)
    states += model.commit_all(states[-1], [part])[1:]
    return Plan(states, parts=[part] if unread else [])


def _list_unread(world: World, database: Database, version: str) -> tuple[list[str], list[str]]:
    """Return the readings that count again, and the names of the new ones."""
    earlier, unread, there = [], [], set(world.list_files().values())
    for content in sorted({find_content(sha) for sha, _ in database.ledger}):
        known = database.find_read_by(content, version)
        others = [sha for sha in database.list_readings(content) if sha != known]
        if known and any(map(database.counts, others)):
            earlier.append(known)
        if known is None and content in there:
            unread.append(f"{content}.{version}" if database.find_counting(content) else content)
    return earlier, unread


def _may_score(world: World, database: Database, chosen: str | None) -> bool:
    return chosen in database.promoted() and chosen not in world.damaged_bundles


def _list_found(world: World, named: Sequence[str]) -> list[str]:
    """Return the contents that a run reads, without duplicates."""
    found = hash_files(world.settings.home.inbox)
    return list(dict.fromkeys(found[name] for name in named or found))


def _list_new(world: World, database: Database, named: Sequence[str]) -> list[str]:
    return [
        sha
        for sha in _list_found(world, named)
        if not database.models_of(sha) and (named or not database.knows(sha))
    ]


def _list_older(world: World, database: Database, named: Sequence[str], chosen: str) -> list[str]:
    among = set(_list_found(world, named)) if named else None
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
    states = model.commit_all(world.database, world.waiting_parts())
    keys = find_meant(world, states[-1], kind, name)
    if not keys:
        return Plan(states, USAGE, must_refuse=True)
    return Plan([*states, model.forget(states[-1], keys)])


def find_meant(world: World, database: Database, kind: str, name: str) -> list[Key]:
    """Return the rows in the tables that match a name, in all readings of their files."""
    there = sorted(database.texts | database.open.keys() | database.released)
    rows = {key: world.contents[key[0]].rows[key[1] - 1] for key in there}
    fits: dict[str, Callable[[Key], bool]] = {
        "review": lambda key: rows[key].review_id == name,
        "movie": lambda key: rows[key].movie_id == name,
        "file": lambda key: key[0].startswith(name),
        "row": lambda key: f"{key[0][:12]}:{key[1]}" == name,
    }
    meant = {(find_content(sha), number) for sha, number in filter(fits[kind], there)}
    return [(sha, number) for sha, number in there if (find_content(sha), number) in meant]


def plan_restore(world: World, folder: Path) -> Plan:
    backup = world.backups[folder]
    if backup.is_damaged:
        return Plan([world.database], (*ANY, *USAGE), must_refuse=True)
    before = None if world.database_is_lost else world.database
    return Plan([world.database, model.restore(before, backup.database)])
