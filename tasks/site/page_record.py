"""The record of the site: what each page of a movie was made from, so that only pages of changed movies are made anew.

It lies beside the pages. It has no text of a review; after a change of the pages' design, all are made. It names every
page before that is written, so what it does not name was not written by the site, and is left alone.
"""

import json
from collections.abc import Collection, Mapping
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from data_contracts.errors import SourceError
from data_contracts.storage.durable import write_whole
from tasks.site.page_names import PAGES
from tasks.support.wording import escape_controls

NAME = ".made-from.json"
_MAKERS = (Path(__file__).parent, Path(__file__).parents[1] / "pages")
"""What makes the pages: their design is what these folders hold."""


def require_own(folder: Path, files: Collection[str]) -> None:
    """Raise `SourceError` if a folder is not the site's own: a link, a file, or with such files but no record."""
    for place in (folder, folder / PAGES):
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            what = "is a link" if place.is_symlink() else "is a file"
            raise SourceError(
                f"{escape_controls(str(place))}: {what}, but the site is written only into a folder of the home. "
                "Next: move it away, then reviews site."
            )
    if is_claimed(folder) or not folder.is_dir():
        return
    pages = (each.relative_to(folder).as_posix() for each in (folder / PAGES).glob("*.html"))
    if found := next((name for name in (*files, *pages) if (folder / name).exists()), None):
        raise SourceError(
            f"{escape_controls(str(folder))}: has {escape_controls(found)}, but no {NAME}, so it is not the site's "
            "and stays as it is. Next: move the folder away or, if it is an old site, delete it; then reviews site."
        )


def is_claimed(folder: Path) -> bool:
    """Return whether a folder has a record, if a damaged one."""
    return (folder / NAME).is_file()


def read_record(folder: Path) -> dict[str, str]:
    """Return what the page of each movie was made from; nothing if that is not known, or the design has changed."""
    return _read_movies(folder) if _load(folder).get("design") == fingerprint_design() else {}


def read_written(folder: Path) -> set[str]:
    """Return the ids of the movies whose pages the site has written, or was about to write; of any design."""
    return set(_read_movies(folder))


def _read_movies(folder: Path) -> dict[str, str]:
    """Return what the page of each movie was made from, by whatever design."""
    found = _load(folder).get("movies")
    return found if isinstance(found, dict) else {}


def _load(folder: Path) -> dict[str, Any]:
    """Return the record; an empty one if there is none, or it is damaged."""
    try:
        record = json.loads((folder / NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(folder: Path, made_from: Mapping[str, str]) -> None:
    """Write what the page of each movie was made from."""
    record = {"design": fingerprint_design(), "movies": dict(made_from)}
    with write_whole(folder / NAME) as building:
        building.write_text(json.dumps(record), "utf-8")


def digest(value: object) -> str:
    """Return a short digest of a value from which a page is made."""
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


@cache
def fingerprint_design() -> str:
    """Return the sha256 over the code and the templates of the pages."""
    found = sha256()
    for folder in _MAKERS:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".html", ".css", ".js"}:
                found.update(f"{path.relative_to(folder).as_posix()}\0".encode())
                found.update(sha256(path.read_bytes()).digest())
    return found.hexdigest()
