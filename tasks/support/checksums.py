"""Checksums of files, by which copies are known to be what was written."""

import hashlib
from pathlib import Path


def compute_sha256(path: Path) -> str:
    """Return the sha256 of a file's content, as 64 hexadecimal digits; raise `OSError` if it can't be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
