"""Caches the results of Great Expectations: equal checks of equal frames run once per process.

A scoring run spends most of its time on them. Tests of the contracts themselves run each check.
"""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from data_contracts import expectations

_validate = expectations._validate
_FOUND: dict[bytes, Mapping[int, Any]] = {}


@contextmanager
def keep_found() -> Iterator[None]:
    """Cache the results of checks while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expectations, "_validate", _validate_once)
        yield


def _validate_once(frame: Any, placed: Sequence[Any]) -> Mapping[int, Any]:
    checks = [(type(check).__name__, repr(check.dict())) for check in placed]
    key = pickle.dumps((checks, frame))
    if key not in _FOUND:
        _FOUND[key] = _validate(frame, placed)
    return _FOUND[key]
