"""Keeps the same profiles, destinations and titles on all machines of a shared home, by one object of the store.

Each file is compared with what this machine last saw in the store: what was changed on one side alone is taken over by
the other. What was changed on both sides is for a person to decide.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from data_contracts.errors import ObjectMissingError, SourceError, StoreError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.store.connecting import Store
from tasks.store.object_operations import read_marked, swap

SHARED_FILES = "shared/files.json"
Texts = Mapping[str, str]
"""The texts of files, by their paths within the home."""


@dataclass(frozen=True)
class SharedFiles:
    """The files in a store, or what a machine last saw of them."""

    texts: Texts = field(default_factory=dict)
    series: str = ""
    """A random name of the object, which one that is written anew has not."""

    def format(self) -> bytes:
        """Return the content of the object."""
        return json.dumps(
            {"series": self.series, "files": dict(sorted(self.texts.items()))}, indent=0
        ).encode()


def share_files(home: Home, store: Store, announce: Callable[[str], object]) -> None:
    """Make the files here and in the store the same; the caller must hold the lease.

    A file that is not UTF-8 is neither shared nor replaced, and `announce` names it. Raises `SourceError` if a file was
    changed on both sides.
    """
    here, unreadable = _read_here(home)
    for name in unreadable:
        announce(f"{home.folder / name}: is not UTF-8, so no other machine gets it. Next: save it in UTF-8.")
    there, marks = _read_there(home, store)
    before = _read_before(home, there.series)
    known = {name: before.texts[name] for name in unreadable & before.texts.keys()}
    merged = replace(there, texts=merge(home, {**here, **known}, there.texts, before.texts))
    if merged != there or marks is None:
        swap(store, SHARED_FILES, merged.format(), marks)
    written = {name: text for name, text in merged.texts.items() if name not in unreadable}
    _write_here(home, here, written)
    with write_whole(home.shared_files) as building:
        building.write_bytes(replace(merged, texts={**written, **known}).format())


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
    found = [
        each for folder in (home.sources, home.destinations) for each in list_paths(folder, "[!.]*.toml")
    ]
    texts, unreadable = {}, set()
    for path in (*found, home.titles):
        name = path.relative_to(home.folder).as_posix()
        try:
            texts[name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            unreadable.add(name)
        except FileNotFoundError:
            continue
    return texts, unreadable


def _read_there(home: Home, store: Store) -> tuple[SharedFiles, object]:
    """Return the files in the store, and the marks of their object; None, and none of them, where there is none."""
    try:
        content, marks = read_marked(store, SHARED_FILES)
    except ObjectMissingError:
        return SharedFiles(series=uuid.uuid4().hex), None
    try:
        return _parse(home, content), marks
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{store.name(SHARED_FILES)}: is damaged ({error}). Next: delete this object, and find out who can write "
            "there; the next run writes it anew."
        ) from error


def _read_before(home: Home, series: str) -> SharedFiles:
    """Return what this machine last saw of the object in the store; nothing if that was another one, or none."""
    try:
        seen = _parse(home, home.shared_files.read_bytes())
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return SharedFiles()
    return seen if seen.series == series else SharedFiles()


def _parse(home: Home, content: bytes) -> SharedFiles:
    """Return the files that an object names; raise `ValueError` for paths that machines don't share."""
    stated = json.loads(content)
    texts = {str(name): str(text) for name, text in dict(stated["files"]).items()}
    if not all(_is_shared(home, name) for name in texts):
        raise ValueError("it names files that are not shared")
    return SharedFiles(texts, str(stated["series"]))


def _is_shared(home: Home, name: str) -> bool:
    """Return whether a path within the home is that of a file which machines share."""
    path = home.folder / name
    is_configuration = path.parent in (home.sources, home.destinations) and path.suffix == ".toml"
    return path == home.titles or (is_configuration and not path.name.startswith(".") and name.isprintable())


def _write_here(home: Home, here: Texts, merged: Texts) -> None:
    """Make the files of the home those that both sides should have."""
    for name in here.keys() - merged.keys():
        (home.folder / name).unlink(missing_ok=True)
    for name, text in merged.items():
        if here.get(name) != text:
            make_folder((home.folder / name).parent)
            with write_whole(home.folder / name) as building:
                building.write_text(text, "utf-8")
