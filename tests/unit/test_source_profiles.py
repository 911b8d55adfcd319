"""Tests that a profile says how files are read, and that a wrong one is refused with line, reason and next step."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import FileLimits, RowLimits
from tasks.inbox.source_files import SourceFile
from tasks.review_files.plans.reading_plan import DateFormat, Doubt, RatingScale, ReadingPlan
from tasks.review_files.reader import ReadOptions, read_review_file
from tasks.sources.catalogue import Catalogue
from tasks.sources.profile import make_schema, name_version, parse_profile
from tasks.sources.profile_options import choose_file_limits, make_options, make_plan
from tasks.sources.proposing import Inferred, Named, format_proposal, infer

WHOLE = """
ids_hold_across_files = false

[columns]
text = ["Title", "Body"]
review_id = "Id"
movie_id = "Product"
reviewed_at = "Time"
given_label = "Mood"
given_rating = "Score"
author = "User"

[dates]
format = "day-first"
time_zone = "Europe/Berlin"

[rating]
lowest = 1
highest = 5
decimal_comma = true

[labels]
positive = [1, "good"]
negative = ["bad"]
none = ["so-so"]

[file]
encoding = "cp1252"
delimiter = ";"
"""


def write(folder: Path, content: str) -> Path:
    path = folder / "shop.toml"
    path.write_text(content, "utf-8")
    return path


def propose(folder: Path, content: str | bytes) -> str:
    """Return the profile that is proposed for a CSV file."""
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return format_proposal(infer(path), "shop", "a.csv")


def test_a_profile_states_the_whole_plan(tmp_path: Path) -> None:
    assert make_plan(parse_profile(write(tmp_path, WHOLE))) == ReadingPlan(
        text=("Title", "Body"),
        review_id="Id",
        movie_id="Product",
        reviewed_at="Time",
        given_label="Mood",
        given_rating="Score",
        author="User",
        known_names=False,
        ids_hold=False,
        dates=DateFormat("day_first", zone="Europe/Berlin"),
        ratings=RatingScale(1, 5, decimal_comma=True),
        labels={"1": "positive", "good": "positive", "bad": "negative", "so-so": None},
    )


def test_the_text_column_alone_is_a_profile(tmp_path: Path) -> None:
    profile = parse_profile(write(tmp_path, '[columns]\ntext = "Body"\n'))
    assert make_plan(profile) == ReadingPlan(text=("Body",), known_names=False, dates=DateFormat())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[columns]\ntext = "a"\ntitel = "b"\n', "line 3: columns.titel is not a key of a profile"),
        ('[columns]\nreview_id = "a"\n', "line 1: columns.text is missing"),
        (
            '[columns]\ntext = "a"\n[dates]\nformat = "d/m/y"\n',
            "line 4: dates.format must be one of clear, iso",
        ),
        ('[columns]\ntext = "a"\n[dates]\ntime_zone = "Mars"\n', "line 4: dates.time_zone is no time zone"),
        (
            '[columns]\ntext = "a"\n[rating]\nlowest = 5\nhighest = 1\n',
            "line 3: rating lowest must be less than highest",
        ),
        ('[columns]\ntext = "a"\ngiven_rating = "b"\n', r"line 3: columns.given_rating needs a table"),
        ('[columns]\ntext = "a"\ngiven_label = "b"\n', r"line 3: columns.given_label needs a table"),
        (
            'movie = "m"\n[columns]\ntext = "a"\nmovie_id = "b"\n',
            "line 1: movie contradicts columns.movie_id",
        ),
        (
            '[columns]\ntext = "a"\n[labels]\npositive = ["x"]\nnegative = ["X"]\n',
            "line 3: labels 'x' has two meanings",
        ),
        (
            '[columns]\ntext = "a"\n[file]\nencoding = "klingon"\n',
            "line 4: file.encoding is no known encoding",
        ),
        ('[columns]\ntext = "a"\n[file]\ndelimiter = "||"\n', "line 4: file.delimiter"),
        ('[columns]\ntext = "a"\n[file]\ndelimiter = "x"\n', "line 4: file.delimiter must be one ASCII"),
        ('[columns]\ntext = "a"\n[file]\nencoding = "utf-7"\n', "line 4: file.encoding is no known"),
        ('[columns]\ntext = "a"\n[dates]\nformat = "%Q"\n', "line 4: dates.format must be one of"),
        ('[columns]\ntext = ["a", "a"]\n', "line 1: columns has 'a' twice"),
        ('[columns]\ntext = "a"\nreview_id = "b"\nmovie_id = "b"\n', "line 1: columns has 'b' twice"),
        ('[columns]\ntext = "a"\n[rating]\nlowest = 1\nhighest = 5\n', "line 3: rating is of no use without"),
        (
            'other_languages = "drop"\n[columns]\ntext = "a"\n',
            "line 1: other_languages must be one of warn, accept, quarantine",
        ),
        ('each_file = "adds up"\n[columns]\ntext = "a"\n', "line 1: each_file must be one of adds, replaces"),
        (
            '[columns]\ntext = "a"\n[limits]\nsmallest_share_of_last = 0.2\n',
            "line 4: limits.smallest_share_of_last is of no use without each_file = 'replaces'",
        ),
        ('[columns]\ntext = "a"\n[limits]\nlargest_bad_share = 20\n', "line 4: limits.largest_bad_share"),
        ('[columns]\ntext = "a"\n[limits]\nfewest_rows = -1\n', "line 4: limits.fewest_rows"),
        ('[columns]\ntext = "a"\n[severity]\nrating = "warn"\n', "line 4: severity.rating is not a key"),
        (
            '[columns]\ntext = "a"\nreviewed_at = "b"\n[severity]\ndates = "stop"\n',
            "line 5: severity.dates should be 'warn', 'accept', 'quarantine' or 'refuse'",
        ),
        (
            '[columns]\ntext = "a"\n[severity]\ndates = "accept"\n',
            "line 4: severity.dates is of no use without columns.reviewed_at",
        ),
        (
            '[columns]\ntext = "a"\n[severity]\nshared_ids = "accept"\n',
            "line 4: severity.shared_ids is of no use without columns.review_id whose ids hold",
        ),
        (
            '[columns]\ntext = "a"\n[severity]\ndrift = "refuse"\n',
            "line 4: severity.drift should be 'warn' or 'accept'",
        ),
        ('columns = "a"\n', "line 1: columns should be a table"),
        ("[columns]\ntext = []\n", "line 2: columns.text should have one entry at least"),
        ("[columns]\ntext = 1\n", r'line 2: columns.text should be a list, such as \["a", "b"\]'),
        ('movie = 7\n[columns]\ntext = "a"\n', "line 1: movie should be a text in quotes"),
        ('movie = ""\n[columns]\ntext = "a"\n', "line 1: movie should have at least 1 character"),
        (
            'ids_hold_across_files = "so-so"\n[columns]\ntext = "a"\n',
            "line 1: ids_hold_across_files should be true",
        ),
        ("[columns\n", "is no valid TOML"),
    ],
)
def test_a_wrong_profile_is_refused_with_line_reason_and_next_step(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        parse_profile(write(tmp_path, content))
    assert "shop.toml" in str(error.value)
    assert "Next: " in str(error.value)


def test_the_next_step_quotes_the_name_of_a_source(tmp_path: Path) -> None:
    path = tmp_path / "my shop.toml"
    path.write_text("[columns]\n", "utf-8")
    with pytest.raises(UsageError, match=r"`reviews sources show 'my shop'`"):
        parse_profile(path)


def test_a_version_is_of_what_a_profile_says_not_of_its_spelling(tmp_path: Path) -> None:
    first = name_version(parse_profile(write(tmp_path, '[columns]\ntext = "a"\n')))
    second = name_version(parse_profile(write(tmp_path, '# a comment\ncolumns = { text = ["a"] }\n')))
    third = name_version(parse_profile(write(tmp_path, '[columns]\ntext = "b"\n')))
    assert first == second != third


def test_the_schema_names_every_table() -> None:
    assert {"columns", "dates", "rating", "labels", "file", "limits"} <= make_schema()["properties"].keys()


def choose_limits(content: str, folder: Path) -> FileLimits:
    """Return the limits of a file of a source with this profile."""
    catalogue = Catalogue({"shop": parse_profile(write(folder, content))})
    return choose_file_limits(catalogue, RowLimits(), SourceFile("shop/a.csv", folder / "a.csv", 1, 1, "0"))


def test_the_limits_of_a_profile_count_in_place_of_the_settings(tmp_path: Path) -> None:
    stated = '[columns]\ntext = "a"\n[limits]\nlargest_bad_share = 0.6\nfewest_rows = 3\n'
    assert choose_limits(stated, tmp_path) == FileLimits(max_bad_share=0.6, fewest_rows=3)


def test_what_a_profile_does_not_limit_is_as_in_the_settings(tmp_path: Path) -> None:
    assert choose_limits('[columns]\ntext = "a"\n', tmp_path) == FileLimits()


@pytest.mark.parametrize(
    ("content", "share"),
    [("", None), ('each_file = "replaces"\n', 0.5), ('each_file = "adds"\n', None)],
)
def test_a_profile_says_whether_a_file_replaces_those_before_it(
    tmp_path: Path, content: str, share: float | None
) -> None:
    profile = parse_profile(write(tmp_path, content + '[columns]\ntext = "a"\n'))
    assert Catalogue({"shop": profile}).describe("shop/a.csv")["replaces_from_share"] == share


OTHER_COLUMNS = ("the number of the review", "when", "stars", "mood")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in OTHER_COLUMNS  # one column is not read twice
)
PLANS = st.builds(
    ReadingPlan,
    text=st.lists(NAMES, min_size=1, max_size=2, unique=True).map(tuple),
    review_id=st.sampled_from([None, "the number of the review"]),
    reviewed_at=st.just("when"),
    given_rating=st.just("stars"),
    given_label=st.just("mood"),
    known_names=st.just(False),
    ids_hold=st.booleans(),
    dates=st.sampled_from(
        [DateFormat("iso"), DateFormat("epoch"), DateFormat("pattern", "%d-%b-%y", "Asia/Tokyo")]
    ),
    ratings=st.sampled_from([RatingScale(1, 5), RatingScale(0, 100, decimal_comma=True)]),
    labels=st.sampled_from(
        [{"1": "positive", "0": "negative"}, {"y": "positive", "n": "negative", "?": None}]
    ),
)


@given(plan=PLANS)
def test_a_proposed_profile_reads_as_the_plan_that_it_was_made_of(
    tmp_path_factory: pytest.TempPathFactory, plan: ReadingPlan
) -> None:
    path = write(tmp_path_factory.mktemp("profile"), format_proposal(Inferred(plan), "shop", "export.csv"))
    assert make_plan(parse_profile(path)) == plan


def test_what_the_user_named_of_a_file_is_in_the_proposal() -> None:
    named = Named(("a",), "Export", 'data."reviews"')
    content = format_proposal(Inferred(ReadingPlan(text=("a",)), is_utf8=False, named=named), "shop", "a.csv")
    assert '\n[file]\nsheet = "Export"\njson_path = "data.\\"reviews\\""\n' in content
    assert content.count("[file]") == 1
    assert "\n# encoding = " in content


def test_what_is_in_doubt_stands_in_the_proposal_as_a_question(tmp_path: Path) -> None:
    doubt = Doubt("given_rating", "Stars", "1 to 5 may be of five or of ten")
    plan = ReadingPlan(text=("Body",), given_rating="Stars", doubts=(doubt,))
    content = format_proposal(Inferred(plan), "shop", "a.csv")
    assert "# In doubt: 1 to 5 may be of five or of ten" in content
    assert make_plan(parse_profile(write(tmp_path, content))).given_rating is None
    settled = content.replace("# given_rating", "given_rating").replace("# [rating]", "[rating]")
    settled = settled.replace("# lowest", "lowest").replace("# highest", "highest")
    settled = settled.replace("# decimal_comma", "decimal_comma")
    assert make_plan(parse_profile(write(tmp_path, settled))).ratings == RatingScale(1, 5)


@pytest.mark.parametrize(
    ("labels", "lines"),
    [
        (["-1", "0", "1"], ['positive = ["1"]', 'negative = ["-1"]', 'none = ["0"]']),
        (["👍", "👎"], ['positive = ["👍"]', 'negative = ["👎"]']),
        (["fine", "dull"], ['positive = ["1"]', 'negative = ["0"]']),
    ],
)
def test_labels_in_doubt_are_proposed_as_their_names_suggest(
    tmp_path: Path, labels: list[str], lines: list[str]
) -> None:
    content = propose(tmp_path, "\n".join(["text,label", *(f"Fine,{label}" for label in labels)]))
    assert "\n".join(f"# {line}" for line in ["[labels]", *lines]) in content


def test_a_scale_whose_lowest_is_the_best_is_turned_round_by_what_is_proposed(tmp_path: Path) -> None:
    content = propose(tmp_path, 'text,"Rating (1 = great, 5 = awful)"\nFine,1\nDull,5\n')
    lines = [
        line.removeprefix("# ") if " = " in line or "[" in line else line for line in content.split("\n")
    ]
    settled = "\n".join(line for line in lines if not line.startswith(("How", "In doubt", "Remove")))
    profile = parse_profile(write(tmp_path, settled))
    batches = read_review_file(tmp_path / "a.csv", make_options(profile, ReadOptions()))
    assert [stars for batch in batches for stars in batch["given_rating"].to_pylist()] == [10, 2]


@pytest.mark.parametrize(
    ("ratings", "bounds"),
    [
        (["0", "3", "10"], ("0", "10")),
        (["1", "4", "7"], ("1", "7")),
        (["10", "20", "50"], ("10", "50")),
        ([*"12345" * 5, "55"], ("1", "5")),
    ],
)
def test_the_likeliest_scale_of_ratings_in_doubt_is_proposed(
    tmp_path: Path, ratings: list[str], bounds: tuple[str, str]
) -> None:
    content = propose(tmp_path, "\n".join(["text,rating", *(f"Fine,{rating}" for rating in ratings)]))
    assert f"# [rating]\n# lowest = {bounds[0]}\n# highest = {bounds[1]}  # or" in content


def test_the_scale_of_a_column_without_a_rating_is_a_question(tmp_path: Path) -> None:
    content = propose(tmp_path, "text,stars\nFine,\nDull,\n")
    assert '\n# given_rating = "stars"  # in doubt: no rating is given' in content
    assert "\n# [rating]\n# lowest = 1\n# highest = 5  # or 10" in content
    assert make_plan(parse_profile(write(tmp_path, content))).given_rating is None


def test_a_scale_that_the_name_of_an_empty_column_states_is_no_question(tmp_path: Path) -> None:
    content = propose(tmp_path, "text,stars (1-5)\nFine,\nDull,\n")
    assert "\n[rating]\nlowest = 1\nhighest = 5\n" in content


def test_a_profile_of_rows_with_other_keys_reads_each_text_and_names_the_other_movie(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": "Fine", "movie_id": "tt1"}] * 3 + [{"review": "Dull", "movie": "tt2"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    content = format_proposal(infer(path), "shop", "a.jsonl")
    assert "movie_id = \"movie_id\"  # other rows have it as 'movie'" in content
    batches = read_review_file(path, make_options(parse_profile(write(tmp_path, content)), ReadOptions()))
    [table] = batches
    assert table["text"].to_pylist() == ["Fine", "Fine", "Fine", "Dull"]
    assert table["movie_id"].to_pylist() == ["tt1", "tt1", "tt1", None]


def test_dates_of_which_none_can_be_read_are_a_question(tmp_path: Path) -> None:
    content = propose(tmp_path, "text,date\nFine,45817\nDull,45818\n")
    assert '\n# reviewed_at = "date"  # in doubt: some dates seem to be' in content
    assert "\n# [dates]" in content


def test_a_file_that_is_not_utf_8_gets_a_question_about_its_encoding(tmp_path: Path) -> None:
    content = propose(tmp_path, "text\nSchön\n".encode("cp1252"))
    assert "# In doubt: some texts are not UTF-8" in content
    settled = content.replace("# [file]", "[file]").replace("# encoding", "encoding")
    profile = parse_profile(write(tmp_path, settled))
    batches = read_review_file(tmp_path / "a.csv", make_options(profile, ReadOptions()))
    assert [text for batch in batches for text in batch["text"].to_pylist()] == ["Schön"]
