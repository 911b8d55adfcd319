"""Tests that a profile says how files are read, and that a wrong one is refused with line, reason and next step."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import VALUE_RULES, FileLimits, RowLimits
from data_contracts.sources.profile import Labels, Rating, make_schema, name_version, parse_profile
from tasks.inbox.source_files import SourceFile
from tasks.sources.catalogue import Catalogue
from tasks.sources.profile_options import choose_file_limits
from tests.support.profiles import make_profile

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


def test_a_profile_states_each_key_in_the_words_of_its_file(tmp_path: Path) -> None:
    profile = parse_profile(write(tmp_path, WHOLE))
    assert profile.columns.text == ("Title", "Body")
    assert profile.labels == Labels(positive=("1", "good"), negative=("bad",), none=("so-so",))
    assert (profile.rating, profile.dates.format) == (
        Rating(lowest=1, highest=5, decimal_comma=True),
        "day-first",
    )
    assert (profile.file.delimiter, profile.ids_hold_across_files) == (";", False)


def test_the_text_column_alone_is_a_profile(tmp_path: Path) -> None:
    assert parse_profile(write(tmp_path, '[columns]\ntext = "Body"\n')) == make_profile("Body")


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
        (
            '[columns]\ntext = "a"\ngiven_rating = "b"\n[rating]\nlowest = 1\nhighest = 3\nwords = { good = 4 }\n',
            "line 4: rating the word 'good' means 4, which is not on the scale",
        ),
        (
            '[columns]\ntext = "a"\n[rows]\nequal_texts = "two"\n',
            "line 4: rows.equal_texts should be 'one' or 'each'",
        ),
        ('[columns]\ntext = "a"\n[rows.only]\nstatus = []\n', "line 4: rows.only.status should have one"),
        ('[columns]\ntext = "a"\n[file]\nheader = -1\n', "line 4: file.header should be greater"),
        ('[columns]\ntext = "a"\n[file]\nformat = "xml"\n', "line 4: file.format should be 'csv', 'tsv'"),
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
            "line 1: other_languages should be 'warn', 'accept' or 'quarantine'",
        ),
        (
            'each_file = "adds up"\n[columns]\ntext = "a"\n',
            "line 1: each_file should be 'adds' or 'replaces'",
        ),
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


def test_only_versions_of_profiles_that_choose_the_same_rows_end_alike(tmp_path: Path) -> None:
    def find_end(file: str) -> str:
        profile = parse_profile(write(tmp_path, f'[columns]\ntext = "a"\n[file]\n{file}\n'))
        return name_version(profile).partition("-")[2]

    ends = [find_end(file) for file in ("header = 2", 'json_path = "a"', 'sheet = "a"', 'members = "a"')]
    assert len({"", find_end('format = "csv"'), *ends}) == 6
    assert find_end('delimiter = ";"\nencoding = "cp1252"\nheader = 1') == ""
    assert find_end('delimiter = ";"\nheader = 2') == ends[0]


def test_the_schema_names_every_table() -> None:
    assert {"columns", "dates", "rating", "labels", "rows", "file", "limits", "severity"} <= make_schema()[
        "properties"
    ].keys()


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


def test_values_of_a_column_that_a_profile_leaves_out_are_nothing_to_tell_of(tmp_path: Path) -> None:
    source = Catalogue({"shop": parse_profile(write(tmp_path, '[columns]\ntext = ["text"]\n'))}).find(
        "shop/a.csv"
    )
    assert {source.judge(check) for check in VALUE_RULES} == {"accept"}
