"""The record of the site: what each page of a movie was made from, so that only pages of changed movies are made anew.

It lies beside the pages. It has no text of a review; without it, or after a change of the pages' design, all are made.
"""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path

from data_contracts.storage.durable import write_whole

NAME = ".made-from.json"
_MAKERS = (Path(__file__).parent, Path(__file__).parents[1] / "pages")
"""What makes the pages: their design is what these folders hold."""


def read_record(folder: Path) -> dict[str, str]:
    """Return what the page of each movie was made from; nothing if that is not known, or the design has changed."""
    try:
        record = json.loads((folder / NAME).read_text("utf-8"))
        return dict(record["movies"]) if record["design"] == fingerprint_design() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


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
