"""Keeps the same profiles, destinations and titles on all machines of a shared home, by one object of the store.

Each file is compared with what this machine last saw in the store: what was changed on one side alone is taken over by
the other. What was changed on both sides is for a person to decide.
"""

import json
from collections.abc import Callable, Mapping

from data_contracts.errors import ObjectMissingError, SourceError, StoreError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from tasks.store.connecting import Store
from tasks.store.objects import read_marked, swap

SHARED_FILES = "shared/files.json"
Texts = Mapping[str, str]
"""The texts of files, by their paths within the home."""


def share_files(home: Home, store: Store, announce: Callable[[str], object]) -> None:
    """Make the files here and in the store the same; the caller must hold the lease.

    A file that is not UTF-8 is neither shared nor replaced, and `announce` names it. Raises `SourceError` if a file was
    changed on both sides.
    """
    before = _read_before(home)
    here, unreadable = _read_here(home)
    for name in unreadable:
        announce(f"{home.folder / name}: is not UTF-8, so no other machine gets it. Next: save it in UTF-8.")
    there, marks = _read_there(home, store) or (before, None)
    known = {name: before[name] for name in unreadable & before.keys()}
    merged = merge(home, {**here, **known}, there, before)
    if merged != there or marks is None:
        swap(store, SHARED_FILES, _format(merged), marks)
    _write_here(home, here, {name: text for name, text in merged.items() if name not in unreadable})
    if merged != before:
        with write_whole(home.shared_files) as building:
            building.write_bytes(_format(merged))


def merge(home: Home, here: Texts, there: Texts, before: Texts) -> dict[str, str]:
    """Return the files that both sides should have; `before` is what this side last saw of the other.

    A file that one side has deleted and the other has changed stays.
    """
    merged = {}
    for name in sorted({*here, *there, *before}):
        mine, theirs, old = here.get(name), there.get(name), before.get(name)
        if theirs != old and mine not in (None, old, theirs) and theirs is not None:
            raise SourceError(
                f"{home.folder / name}: was changed here, and by another machine of this shared home too. Next: move "
                "this file away and run the command again, which brings the other one; then add to it what it lacks."
            )
        text = theirs if mine == old else mine if theirs == old or mine is not None else theirs
        if text is not None:
            merged[name] = text
    return merged


def _read_here(home: Home) -> tuple[dict[str, str], set[str]]:
    """Return the files of the home that all machines share, and the paths of those that are not UTF-8."""
    found = [*home.sources.glob("[!.]*.toml"), *home.destinations.glob("[!.]*.toml"), home.titles]
    texts, unreadable = {}, set()
    for path in found:
        name = path.relative_to(home.folder).as_posix()
        try:
            texts[name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            unreadable.add(name)
        except FileNotFoundError:
            continue
    return texts, unreadable


def _read_there(home: Home, store: Store) -> tuple[dict[str, str], object] | None:
    """Return the files in the store, and the marks of their object; None where there is none: nobody deletes it."""
    try:
        content, marks = read_marked(store, SHARED_FILES)
    except ObjectMissingError:
        return None
    try:
        return _parse(home, content), marks
    except ValueError as error:
        raise StoreError(
            f"{store.name(SHARED_FILES)}: is damaged ({error}). Next: delete this object, and find out who can write "
            "there; the next run writes it anew."
        ) from error


def _read_before(home: Home) -> dict[str, str]:
    """Return the files that this machine last saw in the store; none before the first time."""
    try:
        return _parse(home, home.shared_files.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}


def _parse(home: Home, content: bytes) -> dict[str, str]:
    """Return files by their paths within the home; raise `ValueError` for paths that machines don't share."""
    found = json.loads(content)
    if not isinstance(found, dict) or not all(_is_shared(home, name) for name in found):
        raise ValueError("it names files that are not shared")
    return {name: str(text) for name, text in found.items()}


def _is_shared(home: Home, name: str) -> bool:
    """Return whether a path within the home is that of a file which machines share."""
    path = home.folder / name
    is_configuration = path.parent in (home.sources, home.destinations) and path.suffix == ".toml"
    return path == home.titles or (is_configuration and not path.name.startswith(".") and name.isprintable())


def _format(texts: Texts) -> bytes:
    """Return files as the content of one object."""
    return json.dumps(dict(sorted(texts.items())), indent=0).encode()


def _write_here(home: Home, here: Texts, merged: Texts) -> None:
    """Make the files of the home those that both sides should have."""
    for name in here.keys() - merged.keys():
        (home.folder / name).unlink(missing_ok=True)
    for name, text in merged.items():
        if here.get(name) != text:
            make_folder((home.folder / name).parent)
            with write_whole(home.folder / name) as building:
                building.write_text(text, "utf-8")
