"""Tests that the names on which others rely stay as long as docs/reliability.md says."""

import pytest
from click.testing import CliRunner

from deployments.settings import DEPLOYED_HOME, GONE, find_unknown
from docs.public_names import list_public_names, read_released_names
from flows.command.cli import MOVED, main

ADVICE = "Next: keep the name, with a warning, for one more release; docs/reliability.md has the rule."


@pytest.mark.slow
def test_every_public_name_of_the_last_release_is_still_there() -> None:
    gone = set(read_released_names()) - set(list_public_names())
    gone -= {f"command reviews {name}" for name in (*MOVED, "score --text-column", "explain --html")}
    assert not gone - {f"setting {name}" for name in (*GONE, DEPLOYED_HOME)}, ADVICE


def test_an_option_and_a_setting_that_are_gone_say_what_takes_their_place() -> None:
    said = CliRunner().invoke(main, ["score", "--text-column", "x"])
    assert (said.exit_code, "reviews sources init NAME FILE --text COLUMN" in said.output) == (2, True)
    said = CliRunner().invoke(main, ["explain", "r-1", "--html", "x"])
    assert (said.exit_code, "Next: reviews explain REVIEW_ID > FILE" in said.output) == (2, True)
    assert find_unknown(dict.fromkeys(GONE, "x")) == [
        f"{name} sets nothing any more: {GONE[name]}." for name in sorted(GONE)
    ]


@pytest.mark.parametrize("old", MOVED)
def test_a_command_that_has_moved_says_where_it_is_as_wrong_usage(old: str) -> None:
    said = CliRunner().invoke(main, [old, "x", "--y"])
    assert (said.exit_code, said.output) == (2, f"reviews: `{old}` is now `reviews {MOVED[old]}`.\n")
    assert CliRunner().invoke(main, [*MOVED[old].split(), "--help"]).exit_code == 0


def test_the_help_names_no_command_that_has_moved() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output.partition("Commands:")[2]
    assert not {line.split()[0] for line in listed.splitlines() if line.strip()} & MOVED.keys()


def test_names_of_every_kind_are_held() -> None:
    kinds = {name.partition(" ")[0] for name in read_released_names()}
    assert kinds == {"column", "command", "deployment", "event", "metric", "query", "setting"}
    assert "command reviews score --since" in read_released_names()
