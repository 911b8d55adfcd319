"""Which code ran: a version for people and a fingerprint of the source for comparison. Needs no git."""

from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "tasks", "models", "data_contracts", "deployments")


def fingerprint_code(packages: tuple[str, ...] = PACKAGES) -> str:
    """Give the sha256 over the Python and SQL files of `packages`, names and bytes."""
    digest = sha256()
    for package in packages:
        for path in sorted((PROJECT_ROOT / package).rglob("*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(f"{path.relative_to(PROJECT_ROOT).as_posix()}\0".encode())
                digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def name_code_version() -> str:
    """Give the version with the start of the fingerprint, such as `0.1.0+3f2a9c1b`."""
    return f"{version('review-ratings')}+{fingerprint_code()[:8]}"
