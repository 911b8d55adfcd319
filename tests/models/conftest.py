"""Makes what other tests need TensorFlow for in the process that runs the tests of models, which imports it anyway."""

import os

import pytest

from tests.support.small_home import make_small_bundle

SMALL_BUNDLES = ((0, 1.0), (1, 1.0), (5, 1.0), (0, 300.0))
"""Seeds and strengths of the bundles that tests of flows copy; the last one is that of `test_explain.py`."""


@pytest.fixture(scope="package", autouse=True)
def small_bundles(request: pytest.FixtureRequest) -> None:
    """Make the bundles that tests of flows in other processes are about to copy, which would take each of those 4 s."""
    beside = any(item.nodeid.startswith("tests/flows/") for item in request.session.items)
    if beside and "PYTEST_XDIST_WORKER" in os.environ:
        for seed, strength in SMALL_BUNDLES:
            make_small_bundle(seed, strength)
