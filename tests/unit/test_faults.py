"""Tests that the fault points in the code are exactly those in `FAULT_POINTS`."""

import re

from data_contracts.storage.faults import FAULT_POINTS
from deployments.installation_paths import PROJECT_ROOT

PACKAGES = ("flows", "tasks", "models", "data_contracts", "deployments")


def test_every_fault_point_is_passed_in_one_place() -> None:
    passed = [
        name
        for package in PACKAGES
        for path in (PROJECT_ROOT / package).rglob("*.py")
        for name in re.findall(r'pass_fault_point\("([^"]+)"\)', path.read_text("utf-8"))
    ]
    assert sorted(passed) == sorted(FAULT_POINTS)
