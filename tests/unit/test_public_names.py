"""Tests that the names on which others rely stay as long as docs/public.md says."""

import pytest

from docs.public_names import list_public_names, read_released_names

ADVICE = "Next: keep the name, with a warning, for one more release; docs/public.md has the rule."


@pytest.mark.slow
def test_every_public_name_of_the_last_release_is_still_there() -> None:
    assert not set(read_released_names()) - set(list_public_names()), ADVICE


def test_names_of_every_kind_are_held() -> None:
    kinds = {name.partition(" ")[0] for name in read_released_names()}
    assert kinds == {"column", "command", "deployment", "event", "metric", "query", "setting"}
    assert "command reviews score --since" in read_released_names()
