"""Tests that the lists on the pages agree with the code."""

import re
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import click
import pytest

from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, SCORING_RULES
from flows.command.cli import main
from models.evaluation.sets import CAPABILITIES, KIND_WORDS, read_behaviour_tests, read_elsewhere
from models.variants import list_variants

ROOT = Path(__file__).parents[2]
MODELS = (ROOT / "docs" / "models.md").read_text("utf-8")
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


@pytest.mark.parametrize(("kind", "words"), KIND_WORDS.items())
def test_every_kind_of_review_stands_in_the_docs_with_its_count(kind: str, words: tuple[int, int]) -> None:
    reviews = Counter(review.kind for review in read_elsewhere())[kind]
    assert f"| `{kind}` | {reviews} | {words[0]} to {words[1]} |" in MODELS


@pytest.mark.parametrize(("test", "capabilities"), CAPABILITIES.items())
def test_every_type_of_test_stands_in_the_docs_with_its_count_and_capabilities(
    test: str, capabilities: tuple[str, ...]
) -> None:
    tests = Counter(each.test for each in read_behaviour_tests())[test]
    assert f"| `{test}` | {tests} |" in MODELS
    assert not [name for name in capabilities if f"`{name}`" not in MODELS]


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
