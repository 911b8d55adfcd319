"""The commands on sources, the feeds of files: sources init, check, rescan, show, list, schema."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from data_contracts.errors import FileRefusedError, ReviewsError, UsageError
from flows.command.console.arguments import PathOrUri
from flows.command.console.output import confirm, echo
from flows.command.startup import load_settings
from tasks.support.wording import escape_controls, quote_word

FOR_ALL = (
    "This profile is for every file that lies in no folder of the inbox: those without its columns will wait. If files "
    "come from several places, put them into folders, inbox/NAME/, and run `reviews sources init NAME FILE` for each."
)


@click.group()
def sources() -> None:
    """Set up the feeds that files come from.

    A folder in the inbox is a source: files in inbox/shop-a/ are of the source shop-a. Its profile, sources/shop-a.toml
    in the home, says which columns its files have and what their values mean. Without a profile a file is read by the
    names of its columns and by values that state themselves; all others are kept as found.

    \b
    Examples:
      reviews sources init shop-a export.csv     propose a profile from a file, show how it reads it, and write it
      reviews sources check shop-a another.csv   show how the profile reads another file
      reviews sources rescan shop-a              read again what shop-a sent, after its profile was mended
      reviews sources list
    """


@sources.command()
@click.argument("source")
@click.argument("file", type=PathOrUri(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--text",
    "text",
    multiple=True,
    metavar="COLUMN",
    help="A column of the text, if its name is not a known one; several are joined in this order.",
)
@click.option("--sheet", metavar="SHEET", help="The sheet of a workbook, if several have texts.")
@click.option(
    "--json-path",
    metavar="PATH",
    help="Where the rows are in a JSON file, such as data.reviews, if several arrays may have them.",
)
@click.option("--yes", is_flag=True, help="Take all likely answers, and write the profile without asking.")
@click.option("--replace", is_flag=True, help="Write it in place of the profile that there is.")
def init(
    source: str,
    file: Path | str,
    text: tuple[str, ...],
    sheet: str | None,
    json_path: str | None,
    yes: bool,
    replace: bool,
) -> None:
    """Propose the profile of SOURCE from one of its FILEs.

    What the names and the values of the file leave open is asked, the likely answer first. Then ten rows are shown as
    they would be stored, and what would be lost, and the profile is written once you confirm; without a terminal, only
    with --yes. FILE is a path, or the URI of an object in a store.

    \b
    Examples:
      reviews sources init shop-a ~/exports/shop-a-2026-11.csv
      reviews sources init survey answers.csv --text "What did you think?"
      reviews sources init hotel stays.csv --text Positive --text Negative
      reviews sources init shop-b answer.json --json-path data.reviews
      reviews sources init shop-a export.csv --yes --replace
    """
    from data_contracts.sources.profile import Profile
    from tasks.reading.rows import ReadOptions
    from tasks.sources.catalogue import DEFAULT
    from tasks.sources.new_profile import answer_questions, choose_path, draft_profile, write_profile
    from tasks.sources.preview import describe_file
    from tasks.sources.proposal.writing import format_proposal
    from tasks.store.work_folders import borrow_file

    settings = load_settings()
    home = settings.home
    path = choose_path(home, source, replace)
    layout = {key: value for key, value in (("sheet", sheet), ("json_path", json_path)) if value is not None}
    asks = sys.stdin.isatty() and not yes
    with borrow_file(home, file) as local:
        proposal = draft_profile(source, local, text, layout)
        proposal = answer_questions(proposal, choose) if asks else proposal
        content = format_proposal(proposal, source, local.name)
        profile = Profile.model_validate(proposal.draft)
        echo(content)
        if source == DEFAULT:
            echo(FOR_ALL)
        for line in describe_file(local, profile, ReadOptions(), settings.limits):
            echo(line)
    if not (yes or asks):  # what is piped was typed before anybody saw the proposal
        raise UsageError("nobody can be asked here, so nothing was written. Next: run it again with --yes.")
    if yes or confirm(f"Write this profile to {path}?", default=True):
        write_profile(home, path, content)
        folder = home.inbox if source == DEFAULT else home.inbox / source
        echo(
            f"Wrote {path}. It holds for files in {folder}/ from the next run on.\n"
            f"To read again what was scored or refused before: reviews sources rescan {quote_word(source)}"
        )
    else:
        echo("Nothing was written.")


def choose(question: str, answers: Sequence[str]) -> int:
    """Ask a question in the terminal and return the number of the answer, from 0; Enter takes the first."""
    echo(escape_controls(question))
    for number, answer in enumerate(answers, start=1):
        echo(f"  {number}  {escape_controls(answer)}")
    return int(click.prompt("Answer", type=click.IntRange(1, len(answers)), default=1)) - 1


@sources.command()
@click.argument("source")
@click.argument("file", type=PathOrUri(exists=True, dir_okay=False, path_type=Path))
def check(source: str, file: Path) -> None:
    """Show how the profile of SOURCE reads a FILE.

    Ten rows are shown as they would be stored, and the values that can't be read. FILE is a path, or the URI of an
    object in a store.

    \b
    Examples:
      reviews sources check shop-a inbox/shop-a/2026-11-26.csv
      reviews sources check shop-a s3://bucket/reviews/inbox/shop-a/2026-11-26.csv
    """
    from data_contracts.sources.profile import parse_profile
    from tasks.reading.rows import ReadOptions
    from tasks.sources.catalogue import require_profile
    from tasks.sources.preview import describe_file
    from tasks.sources.profile_options import make_limits
    from tasks.store.work_folders import borrow_file

    settings = load_settings()
    path = require_profile(settings.home, source)
    options, profile = ReadOptions(), parse_profile(path)
    with borrow_file(settings.home, file) as local:
        try:
            for line in describe_file(local, profile, options, make_limits(profile, settings.limits)):
                echo(line)
        except FileRefusedError as error:
            raise ReviewsError(f"{local}: would be refused by the profile {path}. {error}") from error


@sources.command()
@click.argument("names", nargs=-1, required=True, metavar="SOURCES...")
@click.option("--dry-run", is_flag=True, help="Change nothing; show what would be read again.")
def rescan(names: tuple[str, ...], dry_run: bool) -> None:
    """Read the files of SOURCES again, by their present profiles.

    If the profile was deleted, they are read by the names of their columns.

    It reads the files that another version of the profile, or none, has read, from the inbox or from scored/, and
    recognises them by their content. From then on the new readings count in all answers; the earlier ones stay in
    scored_reviews and lineage. Files that are gone keep their readings, and are named. What the present profile has
    read before is not read twice: that reading counts again.

    \b
    Examples:
      reviews sources rescan shop-a --dry-run
      reviews sources rescan shop-a shop-b
    """
    from flows.command.run_flows import run_scoring
    from tasks.sources.rescanning import require_rescannable

    settings = load_settings()
    for source in names:
        require_rescannable(settings.home, source)
    for source in names:
        echo(run_scoring(settings, [], {"rescan": source, "dry_run": dry_run}))


@sources.command(name="list")
def list_() -> None:
    """List the sources.

    They are those with a profile, a folder in the inbox or scored files.
    """
    from tasks.sources.catalogue import list_sources

    echo("\n".join(list_sources(load_settings().home)))


@sources.command()
@click.argument("source")
def show(source: str) -> None:
    """Show the profile of SOURCE, checked, and its version."""
    from data_contracts.sources.profile import name_version, parse_profile
    from tasks.sources.catalogue import require_profile

    path = require_profile(load_settings().home, source)
    version = name_version(parse_profile(path))
    echo(f"# {path}, version {version}\n{path.read_text('utf-8').rstrip()}")


@sources.command()
def schema() -> None:
    """Print the JSON schema of profiles.

    Editors check and complete TOML by it.
    """
    from data_contracts.sources.profile import make_schema

    echo(json.dumps(make_schema(), indent=2))
