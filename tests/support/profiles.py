"""Builds profiles of sources for the tests of the readers."""

from typing import Any

from data_contracts.sources.profile import Profile


def make_profile(*text: str, tables: dict[str, Any] | None = None, **columns: str) -> Profile:
    """Return a profile with these columns, those of the text first, and further `tables` or keys."""
    return Profile.model_validate({"columns": {"text": text, **columns}, **(tables or {})})
