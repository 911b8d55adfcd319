"""Tests that HTML, scripts, SQL, terminal codes and huge texts in reviews do no harm, in a real terminal."""

import json
import re

import pytest

from data_contracts.storage.home import Home
from tasks.support.wording import escape_controls
from tests.support.scoring_runs import copy_scored_home
from tests.support.small_home import ask
from tests.support.terminal import Seen, run_in_terminal

pytestmark = pytest.mark.process

MARKUP = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> [bold red]film[/] :smile: {0} %s ${HOME} $(id)"
)
SQL = "'; DROP TABLE source_reviews; --"
CODES = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]52;c;aGk=\x07 \x1b[2J\x1b[6n \x9b31m \u202egood\u202c \u2066bad\u2069 "
    "over\rwritten"
)
TEXT = f"a good film {MARKUP} {SQL} {CODES}"
MEGABYTE = "bad film \x1b[2J" * 87_000
OUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a scored hostile review and two quarantined ones: one of a megabyte, one without a word."""
    rows = [{"review_id": f"id {CODES}", "text": TEXT}, {"review_id": "big", "text": MEGABYTE}]
    content = "".join(f"{json.dumps(row)}\n" for row in rows)
    home = copy_scored_home(Home(tmp_path_factory.mktemp("hostile") / "home"), {"hostile.jsonl": content})
    assert ask(home.published, "select count(*) from quarantined_rows") == [(1,)]
    return home


def require_harmless(seen: Seen, codes: re.Pattern[str] | None = None) -> str:
    """Return the output without our own `codes`; require that no other control code is left."""
    assert seen.status == 0, seen.text
    text = codes.sub("", seen.text) if codes else seen.text
    lines = text.split("\n")
    assert [line for line in lines if escape_controls(line) != line] == []
    return text


def name_row(home: Home, table: str) -> str:
    [(row,)] = ask(home.published, f"select left(source_sha256, 12) || ':' || row_number from {table}")
    return str(row)


def test_sql_shows_a_hostile_review_as_text(home: Home) -> None:
    query = "select * exclude (text), left(text, 70) as text from latest_scores"
    for form in ("table", "csv", "json"):
        require_harmless(run_in_terminal(home.folder, "sql", "--format", form, query))
    seen = run_in_terminal(home.folder, "sql", "--format", "csv", "select text from source_reviews")
    text = require_harmless(seen)
    assert MARKUP in text
    assert SQL in text
    assert escape_controls(CODES) in text


def test_quarantine_show_shows_a_megabyte_as_text(home: Home) -> None:
    seen = run_in_terminal(home.folder, "quarantine", "show", name_row(home, "quarantined_rows"))
    text = require_harmless(seen)
    assert "text_too_long" in text
    assert text.count("bad film") == 87_000


def test_quarantine_list_shows_hostile_names_as_text(home: Home) -> None:
    assert "text_too_long" in require_harmless(run_in_terminal(home.folder, "quarantine", "list"))


def test_explain_shows_a_hostile_review_as_text(home: Home) -> None:
    name = name_row(home, "source_reviews")
    text = require_harmless(run_in_terminal(home.folder, "explain", name), OUR_CODES)
    assert "Review id \\x1b[31mred" in text
    text = require_harmless(run_in_terminal(home.folder, "explain", name, "--format", "json"))
    assert json.loads(text)["text"] == TEXT


def test_explain_shows_a_hostile_unknown_name_as_text(home: Home) -> None:
    seen = run_in_terminal(home.folder, "explain", f"{SQL}{CODES}")
    assert seen.status == 2
    assert escape_controls(seen.text, keep="\n") == seen.text
    assert ask(home.published, "select count(*) from source_reviews") == [(1,)]
