"""What `reviews sources` does: propose, check, show and list the profiles of sources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from data_contracts.errors import FileRefusedError, ReviewsError, UsageError
from data_contracts.rules_and_limits import (
    COUNT_THEM,
    FIELD_RULES,
    FIELD_WORDS,
    FILE_RULES,
    ROUNDED_IDS,
    VALUE_RULES,
    RowLimits,
)
from data_contracts.sources.profile import Columns, Profile, Severity, name_version, parse_profile
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import LABELS, Home
from tasks.reading.columns import quote_name
from tasks.reading.formats import WORKBOOKS, format_of
from tasks.reading.rows import ReadOptions
from tasks.scoring.file_outcomes import describe_bad_rows
from tasks.sources.catalogue import DEFAULT, describe_missing_profile, load_catalogue, name_profile
from tasks.sources.preview import SHOWN, Preview, preview_file
from tasks.sources.profile_options import make_limits
from tasks.sources.proposal.proposing import propose
from tasks.sources.proposal.writing import change, format_proposal
from tasks.sources.suspicious_rows import are_turned, say_repeated, say_turned
from tasks.support.wording import count, escape_controls, quote_word

Echo = Callable[[str], None]

_SEVERITY_KEYS = {FIELD_RULES[field_rule]: key for key, (field_rule, _) in VALUE_RULES.items()}
"""The key of [severity] by the column whose values it judges."""
_DONE_WITH_UNREAD = {
    "warn": (" and is kept as found", " and are kept as found"),
    "accept": (" and is kept as found", " and are kept as found"),
    "quarantine": (": its row would be quarantined", ": their rows would be quarantined"),
    "refuse": (": the file would be refused",) * 2,
}
"""What is done with one value that can't be read, and with several."""
_READ_BY_NAMES = "no profile: files are read by the names of their columns"
_FOR_ALL = (
    "This profile is for every file that lies in no folder of the inbox: those without its columns will wait. If files "
    "come from several places, put them into folders, inbox/NAME/, and run `reviews sources init NAME FILE` for each."
)


@dataclass(frozen=True)
class Named:
    """What the user names of a file, where it does not show it."""

    text: Sequence[str] = ()
    """The columns of the text, in the order in which they are joined."""
    layout: Mapping[str, str] = field(default_factory=dict)
    """The sheet of a workbook, or the path of the array in a JSON document, by their keys in [file]."""
    fallback_encoding: str | None = None
    """The encoding of files that are not UTF-8, by the settings."""


@dataclass(frozen=True)
class Talk:
    """How the command talks with the user."""

    echo: Echo
    ask: Callable[[str, Sequence[str]], int] | None = None
    """Asks a question and returns the number of the answer, from 0; None: the likely answers are taken."""


@contextmanager
def borrow_file(home: Home, named: Path | str) -> Iterator[Path]:
    """Yield the path of a file; of an object in a store, which is a text, the path of a copy for as long as needed."""
    if isinstance(named, Path):
        yield named
        return
    from tasks.store.connecting import open_store
    from tasks.store.object_operations import fetch, find_object
    from tasks.store.work_folders import hold_workplace

    folder, _, name = named.rpartition("/")
    store = open_store(folder)
    found = find_object(store, name)
    with hold_workplace(home, named) as work:
        fetch(store, found, work / name)
        try:
            yield work / name
        except UsageError as error:
            raise UsageError(str(error).replace(str(work / name), named)) from None
        except FileRefusedError as error:
            raise FileRefusedError(error.rule, error.detail.replace(str(work / name), named)) from None


def choose_path(home: Home, source: str, replace: bool) -> Path:
    """Return the path of a source's profile to write; raise `UsageError` if there is one that must stay."""
    path = name_profile(home, source)
    if path.exists() and not replace:
        raise UsageError(f"{path}: exists already. Next: edit it, or write a new one with --replace.")
    return path


def propose_profile(path: Path, file: Path, named: Named, limits: RowLimits, talk: Talk) -> str:
    """Return the profile to be written to `path` that a file suggests, and show it with how it reads the file.

    `named` is what the user names of the file; `limits` are those of a run.
    """
    try:
        proposal = propose(file, named.text, named.layout, named.fallback_encoding)
    except FileRefusedError as error:
        raise _describe_refusal(error, path.stem, file, named) from error
    while talk.ask is not None and proposal.questions:
        question = proposal.questions[0]
        chosen = talk.ask(question.words, list(question.answers))
        draft = change(proposal.draft, list(question.answers.values())[chosen])
        proposal = replace(proposal, draft=draft, questions=proposal.questions[1:])
    content = format_proposal(proposal, path.stem, file.name)
    talk.echo(content)
    if path.stem == DEFAULT:
        talk.echo(_FOR_ALL)
    profile = Profile.model_validate(proposal.draft)
    _echo_file(file, profile, ReadOptions(fallback_encoding=named.fallback_encoding), limits, talk.echo)
    return content


def _describe_refusal(error: FileRefusedError, source: str, file: Path, named: Named) -> ReviewsError:
    """Return the error for a file that no profile can be made of as it is, with the command that can be copied."""
    command = f"reviews sources init {quote_word(source)} {quote_word(str(file))}"
    reason = error.detail.removesuffix(FILE_RULES[error.rule]).replace(
        "reviews sources init NAME FILE", command
    )
    if error.rule == "json_broken":
        return UsageError(f"{file}: {reason}Next: mend it, or write its reviews as one array of objects.")
    if error.rule != "text_column_missing":
        return FileRefusedError(error.rule, error.detail.replace("reviews sources init NAME FILE", command))
    options = {"--sheet": named.layout.get("sheet"), "--json-path": named.layout.get("json_path")}
    given = "".join(f" {option} {quote_word(value)}" for option, value in options.items() if value)
    return UsageError(f"{file}: {reason}Next: name the text: {command}{given} --text COLUMN")


def write_profile(home: Home, path: Path, content: str, echo: Echo) -> None:
    """Write a profile into the home."""
    home.make()
    make_folder(home.sources)
    with write_whole(path) as building:
        building.write_text(content, "utf-8")
    source = path.stem
    folder = home.inbox if source == DEFAULT else home.inbox / source
    echo(f"Wrote {path}. It holds for files in {folder}/ from the next run on.")
    echo(f"To read again what was scored or refused before: reviews sources rescan {quote_word(source)}")


def check_file(path: Path, file: Path, options: ReadOptions, limits: RowLimits, echo: Echo) -> None:
    """Print how the profile at `path` reads a file; `options` and `limits` are those of a run where it states none."""
    profile = parse_profile(path)
    try:
        _echo_file(file, profile, options, make_limits(profile, limits), echo)
    except FileRefusedError as error:
        raise ReviewsError(f"{file}: would be refused by the profile {path}. {error}") from error


def _echo_file(file: Path, profile: Profile, options: ReadOptions, limits: RowLimits, echo: Echo) -> None:
    """Print how a profile reads a file, and what would be lost; `limits` are those of the profile."""
    preview = preview_file(file, profile, options, limits)
    _echo_preview(preview, file, profile.severity, echo)
    _echo_empty(preview, profile.columns, file, echo)
    problem = describe_bad_rows(preview.rows, preview.bad_rows, limits)
    if problem is not None:
        echo(f"A run would refuse the file: {problem}. Next: {FILE_RULES['too_many_bad_rows']}")


def show_profile(home: Home, source: str) -> str:
    """Return the profile of a source as it stands in its file, with its version."""
    path = require_profile(home, source)
    version = name_version(parse_profile(path))
    return f"# {path}, version {version}\n{path.read_text('utf-8').rstrip()}"


def list_sources(home: Home) -> str:
    """Return a line for each source: its profile and its folder in the inbox."""
    catalogue = load_catalogue(home)
    # A link is followed nowhere, so it is no source either.
    found = (path for path in home.inbox.glob("*") if path.is_dir() and not path.is_symlink())
    folders = {path.name for path in found if path.name[0] != "."}
    names = sorted({DEFAULT, *folders, *catalogue.profiles, *catalogue.broken} - {LABELS})
    lines: list[str] = []
    for source in (catalogue.find(f"{name}/file") for name in names):
        profile = f"profile {source.version}" if source.version else _READ_BY_NAMES
        # A sender may have chosen its folder's name.
        lines.append(f"{escape_controls(source.name):<24} {source.trouble or profile}")
    return "\n".join(lines)


def require_profile(home: Home, source: str) -> Path:
    """Return the path of the profile of a source; raise `UsageError` if there is none."""
    path = name_profile(home, source)
    if not path.is_file():
        raise UsageError(describe_missing_profile(home, source))
    return path


def _echo_preview(preview: Preview, file: Path, severity: Severity, echo: Echo) -> None:
    """Print the first rows of a file as they are read, and the counts of the whole file."""
    echo(
        f"\n{file.name}: {count(preview.rows, 'row')}; the first {len(preview.first)} as they would be stored:\n"
    )
    lines = [SHOWN, *([_format_cell(row[name]) for name in SHOWN] for row in preview.first)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(SHOWN))]
    for line in lines:
        echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    echo("")
    for name in SHOWN[1:]:
        unread = _describe_unread(preview.unread[name], name, severity) if preview.unread[name] else ""
        examples = f": {', '.join(map(escape_controls, preview.examples[name]))}" if unread else ""
        echo(f"{name:<14} in {preview.filled[name]:,} of {count(preview.rows, 'row')}{unread}{examples}")
    if preview.has_open_dates:
        echo('Dates such as 27.03.2026 are read with format = "day-first", or "month-first", under [dates]')
    if preview.not_english:
        are = "is" if preview.not_english == 1 else "are"
        echo(f"{count(preview.not_english, 'row')} {are} not in English: to count, it takes {COUNT_THEM}")
    if rows := preview.unread[ROUNDED_IDS]:
        echo(f"{count(rows, FIELD_WORDS['ids_exact'][0])} {FIELD_WORDS['ids_exact'][1]}")
    if preview.repeated and severity.shared_ids != "accept":
        echo(say_repeated(preview.repeated))
    if are_turned(preview.turned, preview.judged):
        echo(say_turned(preview.turned, preview.judged))
    for rule, rows in preview.bad_rows.most_common():
        echo(f"{count(rows, 'row')} would be quarantined: {rule}")


def _echo_empty(preview: Preview, columns: Columns, file: Path, echo: Echo) -> None:
    """Print which columns of a workbook have no value: formulas have none if the program that wrote them saved none."""
    empty = (ours for ours in SHOWN[1:-1] if not preview.filled[ours] and not preview.unread[ours])
    names = [name for name in (getattr(columns, each) for each in empty) if name is not None]
    names += [] if preview.filled["text"] else columns.text
    if names and preview.rows and format_of(file) in WORKBOOKS:
        echo(
            f"{', '.join(map(quote_name, names))}: no row has a value. If these are formulas, their values were not "
            "saved. Next: open the workbook in the spreadsheet program and save it again"
        )


def _describe_unread(values: int, column: str, severity: Severity) -> str:
    """Describe how many values of a column can't be read, and what the profile lets a run do with them."""
    judged = getattr(severity, _SEVERITY_KEYS[column]) if column in _SEVERITY_KEYS else "warn"
    return f", {values:,} can't be read{_DONE_WITH_UNREAD[judged][values > 1]}"


def _format_cell(value: object) -> str:
    """Return a value as a preview shows it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else escape_controls(str(value))
