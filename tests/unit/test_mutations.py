"""Tests that the list of faults matches the code."""

import ast
from pathlib import Path

import pytest

from tests.mutations.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_changes_a_text_that_stands_in_its_file_once(fault: Fault) -> None:
    content = (ROOT / fault.file).read_text("utf-8")
    assert content.count(fault.old) == 1
    changed = content.replace(fault.old, fault.new)
    if fault.file.endswith(".py"):
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(content))
    else:
        assert changed != content


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_what_should_catch_a_fault_is_there() -> None:
    for file, _, test in (each.partition("::") for fault in FAULTS for each in fault.tests):
        assert f"def {test}" in (ROOT / file).read_text("utf-8")
