"""Checks that must pass after every step: each reads the disk and describes what is wrong.

They use the model only for facts that the disk lacks: rows of files, forgotten rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.explore.observing import find_bytes, observe, read_export
from tests.explore.world import World

SAME_SCORE = 1e-6
Key = tuple[str, int, str]


def check(world: World) -> None:
    """Run all checks; raise `AssertionError` with every failure."""
    wrong = [f"{name}: {words}" for name, find in CHECKS.items() for words in find(world)]
    assert not wrong, "\n".join(wrong)


def _find_unaccounted(world: World) -> Iterator[str]:
    database = world.observed.database
    for (sha, model), rows in world.observed.rows_read.items():
        if rows != len(world.contents[sha].rows):
            yield f"{sha[:8]} has {len(world.contents[sha].rows)} rows, {rows} were read"
        if not database.is_accounted(sha, model, rows):
            yield f"{sha[:8]} by {model}: {rows} rows are not those scored, set aside and forgotten"


def _find_doubled(world: World) -> Iterator[str]:
    yield from map(str, world.observed.doubled)


def _find_orphans(world: World) -> Iterator[str]:
    """Find scores without a text, and texts without the scores of all models of their file."""
    database = world.observed.database
    wanted = {(*key, model) for key in database.texts for model in database.models_of(key[0])}
    yield from map(str, wanted ^ database.scores)


def _find_altered_texts(world: World) -> Iterator[str]:
    for (sha, number), text in world.observed.texts.items():
        if text != world.contents[sha].rows[number - 1].text:
            yield f"{sha[:8]}:{number} is {text!r}"


def _find_other_scores(world: World) -> Iterator[str]:
    """Find texts to which a model gave another score than before, as an altered model would."""
    for (model, text), scores in world.observed.scores.items():
        first = world.scores.setdefault((model, text), min(scores))
        if max(abs(score - first) for score in scores) > SAME_SCORE:
            yield f"{model} gave {text!r} {first} and {scores}"


def _find_unpromoted(world: World) -> Iterator[str]:
    database = world.observed.database
    yield from {model for *_, model in database.scores} - database.promoted()


def _find_forgotten(world: World) -> Iterator[str]:
    database = world.observed.database
    there = (
        database.texts | database.open.keys() | database.released | {score[:2] for score in database.scores}
    )
    yield from map(str, there & database.forgotten)


def _find_unpublished(world: World) -> Iterator[str]:
    """Find differences between the published copy and the database after a successful command."""
    if not world.is_published:
        return
    published = observe(world.settings.home.published).database
    for name, value in vars(world.observed.database).items():  # what was published has the same times too
        # A run that only sees files publishes nothing.
        if name != "seen" and getattr(published, name) != value:
            yield f"{name} differs: {getattr(published, name)} is not {value}"


def _find_lost_files(world: World) -> Iterator[str]:
    """Find files that are neither in the inbox nor in `scored/` with their content."""
    there = set(world.list_files().values())
    yield from (f"{sha[:8]} is gone" for sha in world.kept - there)
    yield from (f"{sha[:8]} has come from nowhere" for sha in there - world.contents.keys())


def _find_unscored_files(world: World) -> Iterator[str]:
    """Find unscored files in `scored/`, where no run looks for new files."""
    if not world.is_tidy:
        return
    for name, sha in world.list_files().items():
        if name.startswith("scored/") and not world.observed.database.models_of(sha):
            yield name


def _find_half_made(world: World) -> Iterator[str]:
    if not world.is_tidy:
        return
    home = world.settings.home.folder
    for pattern in (
        "parts/*",
        "published/.*.tmp*",
        ".reviews.duckdb.to-*",
        ".reviews.duckdb.rewriting",
    ):
        yield from (str(path) for path in home.glob(pattern))


def _find_wrong_exports(world: World) -> Iterator[str]:
    """Find rows that are in an export more than once."""
    for folder in world.exports:
        copies: Counter[Key] = read_export(folder)
        yield from (f"{folder.name} has {key} {times} times" for key, times in copies.items() if times > 1)


CHECKS: dict[str, Callable[[World], Iterator[str]]] = {
    "rows read = scored + quarantined + forgotten": _find_unaccounted,
    "each key once": _find_doubled,
    "every text has its scores, every score its text": _find_orphans,
    "texts are those of the files": _find_altered_texts,
    "a model gives a text one score": _find_other_scores,
    "an unpromoted model never scores": _find_unpromoted,
    "forgotten stays forgotten": _find_forgotten,
    "published = committed": _find_unpublished,
    "no file is lost": _find_lost_files,
    "moved files are scored": _find_unscored_files,
    "nothing half made is left": _find_half_made,
    "exports hold each row once": _find_wrong_exports,
}


def check_bytes_gone(world: World, marks: list[bytes], said: str) -> None:
    """Check that the bytes of forgotten rows are in no file of the home except those that `forget` named."""
    named = [
        line.split("may still hold it: ", 1)[1] for line in said.splitlines() if "may still hold it: " in line
    ]
    found = [
        str(path.relative_to(world.folder))
        for path in find_bytes(world.settings.home.folder, marks)
        if not any(path.as_posix() == name or path.as_posix().startswith(f"{name}/") for name in named)
    ]
    assert not found, f"bytes of forgotten rows are in {found}; named were {named}"


def check_export_complete(world: World, folder: Path) -> None:
    """Check that an export has exactly the published rows of the readings that count."""
    database = observe(world.settings.home.published).database
    published = Counter(score for score in database.scores if database.counts(score[0]))
    after = read_export(folder)
    assert after == published, f"{folder.name} has {after - published} and lacks {published - after}"
