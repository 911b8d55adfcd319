"""Tests that the lists on the pages agree with the code."""

import re
import tomllib
from itertools import chain
from pathlib import Path

import click
import pytest

from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, SCORING_RULES
from flows.command.cli import main
from models.variants import list_variants

ROOT = Path(__file__).parents[2]
FEEDING = (ROOT / "docs" / "feeding.md").read_text("utf-8")


@pytest.mark.parametrize(("rule", "words"), [*ROW_RULES.items(), *SCORING_RULES.items(), *FILE_RULES.items()])
def test_every_rule_stands_in_the_docs_with_its_words(rule: str, words: str) -> None:
    assert f"- `{rule}`: {words}" in FEEDING


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"`reviews {command}`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("variant", list_variants())
def test_every_variant_stands_in_the_design(variant: str) -> None:
    assert f"`{variant}`" in (ROOT / "docs" / "design.md").read_text("utf-8")


def test_every_dependency_stands_in_the_design_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = {
        name: project["optional-dependencies"][name] for name in ("train", "scale", "serve", "postgres")
    }
    needed = {re.split(r"[\[>=<]", each)[0] for each in chain(project["dependencies"], *extras.values())}
    page = (ROOT / "docs" / "design.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page.split("## Dependencies")[1].split("\n## ")[0], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named - extras.keys() == needed
