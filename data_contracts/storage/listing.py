"""Lists what lies in a folder of the home; a folder that can't be read is an error, and not an empty one."""

from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path


def list_paths(folder: Path, pattern: str) -> list[Path]:
    """Return the paths in a folder whose names match a pattern, sorted; none if there is no such folder.

    Raises `OSError` if the folder can't be read, where `Path.glob` would find nothing.
    """
    with suppress(FileNotFoundError):
        return sorted(path for path in folder.iterdir() if fnmatchcase(path.name, pattern))
    return []
