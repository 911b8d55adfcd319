"""The first page of the site: its sections."""

import re
from collections.abc import Collection

from markupsafe import Markup

from data_contracts.rules_and_limits import COUNT_THEM
from data_contracts.storage.home import Home
from models.bundle.reading_facts import has_bundle
from tasks.findings.recorded import make_findings
from tasks.findings.rendering import show_on_page
from tasks.pages.cells import Place
from tasks.pages.formatting import format_moment
from tasks.pages.rendering import Frame
from tasks.pages.sections import Answers, Part, Rows, Section
from tasks.site.movie_search import ENOUGH_REVIEWS
from tasks.support.wording import count

WEEKS_LINKED = 8
_WEEK_PAGE = re.compile(r"week-([0-9]{4}-W[0-9]{2})\.html")
"""The names of the pages of weeks, which `tasks/report/week.py` writes."""


_COMMAND, _SENTENCE = Markup("<code>{}</code>"), Markup("<span>Next: {}</span>")


def _show_findings(part: Part, place: Place) -> Markup:
    """Return findings with their next steps."""
    shown = (
        Markup("<li><strong>{}</strong><span>{}</span>{}</li>").format(
            each.title,
            each.words,
            (_COMMAND if each.is_command else _SENTENCE).format(each.next),
        )
        for each in show_on_page(make_findings([dict(row) for row in part.rows]), place.home)
    )
    return Markup('<ul class="findings">\n{}\n</ul>').format(Markup("\n").join(shown))


def _tell_figures(rows: Rows) -> str:
    """Return what the figures leave out."""
    row = rows[0]
    told = []
    if row["not_counted"]:
        told.append(
            f"{count(row['not_counted'], 'review')} more not in English: scored, but in no figure of these pages. If "
            f"they should count: {COUNT_THEM}, then `reviews sources rescan NAME`."
        )
    judged = count(row["judged"], "review")
    that = " that the model can't have learnt from" if row["learnt"] else ""
    told.append(f"Called right: of {judged} with a writer's verdict{that}.")
    return " ".join(told)


def _list_movies(title: str, words: str, **given: str | int) -> Section:
    """Return a section with movies."""
    columns = "movie_id=movie, stars, low, high, reviews"
    return Section(title, "movie-search", words, columns=columns, given={"limit": 10, **given})


FIGURES = Section(
    "In figures", "source-figures", _tell_figures, "figures",
    "reviews, share_positive=of the reviews positive, stars=stars of 10 on average, accuracy=called right",
)  # fmt: skip
SECTIONS = (
    FIGURES,
    Section(
        "What needs a person", "open-findings", look=_show_findings,
        empty="Nothing: the last runs ended well, no file is refused, no row in quarantine but rows without a text, no "
        "source late, no destination or copy in a store behind, nothing drifted, and all values of the last files are "
        "clear.",
    ),
    _list_movies(
        "Rated best", "At least five reviews. Movies whose likely ranges overlap may be equally good.",
        at_least=ENOUGH_REVIEWS, sort="stars",
    ),
    _list_movies("Rated worst", "At least five reviews.", at_least=ENOUGH_REVIEWS, sort="stars", order="ascending"),
    _list_movies("Most reviewed", ""),
    Section(
        "By source", "source-figures",
        "A source is a folder of the inbox; `default` is the inbox itself. A review that came again counts once, "
        "where it came last. Stars off is by how many stars the model's are from the writer's. Drift is that of its "
        "last run with enough reviews, beside its own past.",
        columns="source, reviews, not_counted, share_positive, stars, accuracy=called right, judged=of reviews, "
        "stars_off, drifted, last_file_at, is_late",
    ),
    Section(
        "Reviews that came in", "over-time", "Rows, by when they came; what came again counts each time.", "bars",
        "period, source, value", {"figure": "arrived"}, unit="rows",
    ),
    Section(
        "Share positive", "over-time", "By when reviews were scored.", "shares", "period, source, value=share",
        {"figure": "positive"},
    ),
    Section(
        "Called right", "over-time", "Of the reviews whose writers gave a verdict.", "shares",
        "period, source, value=share", {"figure": "accuracy"},
    ),
    Section(
        "Drift", "over-time", "Measures that drifted.", "bars", "period, source, value", {"figure": "drifted"},
        unit="measures",
    ),
    Section(
        "Models", "models-side-by-side", "The champion scores what comes in.",
        columns="model_id, status, test_accuracy=right in the test, reviews=scores given, accuracy=called right, "
        "judged=of scores, trained_at", given={"limit": 5},
    ),
    Section("The newest runs", "newest-runs", columns="started_at=began, flow, status, files, reviews, quarantined, "
            "refused, run_id=report"),
)  # fmt: skip


def read_overview(answers: Answers) -> list[Part]:
    """Read the sections of the first page."""
    step = answers.find("time-step")
    given = {"step": step[0]["step"] if step else "day"}
    return [answers.read(section, given) for section in SECTIONS]


def frame_overview(parts: list[Part], home: Home, weeks: tuple[tuple[str, str], ...]) -> Frame:
    """Return the frame of the first page."""
    totals = parts[0].rows[0] if parts[0].rows else {"last_scored_at": None}
    scored_at = totals["last_scored_at"]
    [models] = [part.rows for part in parts if part.section.title == "Models"]
    made_up = bool(models) and models[0]["is_champion"] and models[0]["dataset"] == "sample"
    return Frame(
        "What the reviews say",
        meta=f"As of {format_moment(scored_at)}, when the newest review was scored."
        if scored_at
        else "No review has been scored yet.",
        warning="The champion was trained on made-up reviews, so its scores are a demonstration."
        if made_up
        else "",
        note=tell_missing(models, home),
        links=weeks,
        foot="reviews site",
        here="overview",
    )


def tell_missing(models: Rows, home: Home) -> str:
    """Return which of some models have no bundle; '' if none."""
    missing = [str(row["model_id"]) for row in models if not has_bundle(home.bundles / row["model_id"])]
    return (
        f"The bundle is missing of {', '.join(missing)}: put that of a backup back into bundles/ of the home, or "
        "train the model again; until then it can't score, be promoted or gone back to."
        if missing
        else ""
    )


def find_weeks(there: Collection[str]) -> dict[str, str]:
    """Return those of the files beside the reports that are the newest pages of weeks, by the week."""
    found = {match[1]: name for name in there if (match := _WEEK_PAGE.fullmatch(name))}
    return {week: found[week] for week in sorted(found, reverse=True)[:WEEKS_LINKED]}
