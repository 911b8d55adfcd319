"""Drafts the profile of a source from a file, with the answers of a person, and writes it into the home."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data_contracts.errors import FileRefusedError, ReviewsError, UsageError
from data_contracts.rules_and_limits import FILE_RULES
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from tasks.sources.catalogue import name_profile
from tasks.sources.proposal.proposing import propose
from tasks.sources.proposal.writing import Proposal, change
from tasks.support.wording import quote_word


def choose_path(home: Home, source: str, replace: bool) -> Path:
    """Return the path of a source's profile to write; raise `UsageError` if there is one that must stay."""
    path = name_profile(home, source)
    if path.exists() and not replace:
        raise UsageError(f"{path}: exists already. Next: edit it, or write a new one with --replace.")
    return path


def draft_profile(source: str, file: Path, text: Sequence[str], layout: Mapping[str, str]) -> Proposal:
    """Return the profile of a source that a file suggests, as `propose` does; a refusal names the command to repeat."""
    try:
        return propose(file, text, layout)
    except FileRefusedError as error:
        raise _describe_refusal(error, source, file, layout) from error


def answer_questions(proposal: Proposal, ask: Callable[[str, Sequence[str]], int]) -> Proposal:
    """Return a proposal with the answers of a person; `ask` returns the number of the answer, from 0."""
    for question in proposal.questions:
        chosen = list(question.answers.values())[ask(question.words, list(question.answers))]
        proposal = replace(proposal, draft=change(proposal.draft, chosen), questions=())
    return proposal


def _describe_refusal(
    error: FileRefusedError, source: str, file: Path, layout: Mapping[str, str]
) -> ReviewsError:
    """Return the error for a file that no profile can be made of as it is, with the command that can be copied."""
    command = f"reviews sources init {quote_word(source)} {quote_word(str(file))}"
    reason = error.detail.removesuffix(FILE_RULES[error.rule]).replace(
        "reviews sources init NAME FILE", command
    )
    if error.rule == "json_broken":
        return UsageError(f"{file}: {reason}Next: mend it, or write its reviews as one array of objects.")
    if error.rule != "text_column_missing":
        return FileRefusedError(error.rule, error.detail.replace("reviews sources init NAME FILE", command))
    options = {"--sheet": layout.get("sheet"), "--json-path": layout.get("json_path")}
    given = "".join(f" {option} {quote_word(value)}" for option, value in options.items() if value)
    return UsageError(f"{file}: {reason}Next: name the text: {command}{given} --text COLUMN")


def write_profile(home: Home, path: Path, content: str) -> None:
    """Write a profile into the home."""
    home.make()
    make_folder(home.sources)
    with write_whole(path) as building:
        building.write_text(content, "utf-8")
