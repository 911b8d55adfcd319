"""Tests that a library is loaded without what it imports and hardly uses, and has it where it uses it."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from data_contracts.loading import defer_imports

HEAVY, LIBRARY = "heavy_of_test_loading", "library_of_test_loading"


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library that imports a heavy one for a function."""
    (tmp_path / f"{HEAVY}.py").write_text("WEIGHT = 7\n")
    uses = f"import {HEAVY}\n\ndef weigh():\n    return {HEAVY}.WEIGHT\n"
    (tmp_path / f"{LIBRARY}.py").write_text(uses)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in (HEAVY, LIBRARY):
        sys.modules.pop(name, None)


def test_a_deferred_module_is_loaded_by_the_first_use_of_a_name_of_it() -> None:
    with defer_imports(HEAVY):
        library = import_module(LIBRARY)
    assert HEAVY not in sys.modules
    assert library.weigh() == 7
    assert sys.modules[HEAVY].WEIGHT == 7


def test_a_module_that_is_used_in_the_block_is_loaded_there() -> None:
    with defer_imports(HEAVY):
        assert import_module(LIBRARY).weigh() == 7
    assert sys.modules[HEAVY].WEIGHT == 7


def test_a_module_that_is_loaded_already_stays() -> None:
    heavy = import_module(HEAVY)
    with defer_imports(HEAVY):
        assert import_module(HEAVY) is heavy
    assert sys.modules[HEAVY] is heavy


def test_a_name_that_a_deferred_module_lacks_is_an_error() -> None:
    with defer_imports(HEAVY):
        import_module(LIBRARY)
    with pytest.raises(AttributeError, match="PRICE"):
        _ = import_module(HEAVY).PRICE
