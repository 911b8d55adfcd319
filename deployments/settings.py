"""The one place where settings are read: the environment, then `.env` in the project's root, then defaults.

Flows read them once and pass values down; nothing below them looks at the environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data_contracts.archive import PUBLISHED_URL
from data_contracts.errors import UsageError
from data_contracts.limits import RowLimits

PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """Where things lie and which limits hold."""

    home: Path
    """REVIEWS_HOME: the folder of all data; default `data/` in the project's root."""
    archive: str = PUBLISHED_URL
    """REVIEWS_ARCHIVE: path or URL of the Large Movie Review archive."""
    limits: RowLimits = field(default_factory=RowLimits)
    """REVIEWS_MAX_TEXT_CHARS, REVIEWS_MAX_BAD_SHARE, REVIEWS_MIN_BAD_ROWS."""

    @property
    def archive_dir(self) -> Path:
        """Downloaded archives."""
        return self.home / "archive"

    @property
    def reviews_dir(self) -> Path:
        """The archive as Parquet: train, test and unsup."""
        return self.home / "reviews"

    @property
    def bundles_dir(self) -> Path:
        """One folder a trained model, named by its model id."""
        return self.home / "bundles"

    @property
    def inbox_dir(self) -> Path:
        """Where new review files are dropped."""
        return self.home / "inbox"

    @property
    def parts_dir(self) -> Path:
        """Scored parts that wait for their commit."""
        return self.home / "parts"

    @property
    def warehouse(self) -> Path:
        """The database that flows write; readers use `published`."""
        return self.home / "reviews.duckdb"

    @property
    def published(self) -> Path:
        """The copy that readers open."""
        return self.home / "published" / "reviews.duckdb"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; a value that makes no sense is a `UsageError` that names it."""
    values = {**_read_env_file(), **(os.environ if environment is None else environment)}
    default = RowLimits()
    limits = RowLimits(
        max_text_chars=int(_read_number(values, "REVIEWS_MAX_TEXT_CHARS", default.max_text_chars, 1, 10**7)),
        max_bad_share=_read_number(values, "REVIEWS_MAX_BAD_SHARE", default.max_bad_share, 0, 1),
        min_bad_rows=int(_read_number(values, "REVIEWS_MIN_BAD_ROWS", default.min_bad_rows, 0, 10**9)),
    )
    home = Path(values.get("REVIEWS_HOME") or PROJECT_ROOT / "data").expanduser().absolute()
    return Settings(home, values.get("REVIEWS_ARCHIVE") or PUBLISHED_URL, limits)


def _read_env_file() -> dict[str, str]:
    path = PROJECT_ROOT / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}


def _read_number(
    values: Mapping[str, str], name: str, default: float, lowest: float, highest: float
) -> float:
    text = values.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        raise UsageError(f"{name} must be a number, not {text!r}.") from None
    if not lowest <= number <= highest:
        raise UsageError(f"{name} must be from {lowest:g} to {highest:g}, not {text}.")
    return number
