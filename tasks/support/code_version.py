"""The version of the running code: a short one for people, and a fingerprint of the source to compare. Needs no git."""

from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "tasks", "models", "data_contracts", "deployments")


@cache
def fingerprint_code(packages: tuple[str, ...] = PACKAGES) -> str:
    """Return the sha256 over the names and bytes of all Python and SQL files of `packages`."""
    digest = sha256()
    for package in packages:
        for path in sorted((PROJECT_ROOT / package).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(f"{path.relative_to(PROJECT_ROOT).as_posix()}\0".encode())
                digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@cache
def read_version() -> str:
    """Return the installed version."""
    return metadata.version("review-ratings")


def name_code_version() -> str:
    """Return the installed version with the start of the fingerprint, such as `0.1.0+3f2a9c1b`."""
    return f"{read_version()}+{fingerprint_code()[:8]}"
