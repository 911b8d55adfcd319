"""Tests that a profile says how files are read, and that a wrong one is refused with line, reason and next step."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.sources.profile import Labels, Rating, name_version, parse_profile

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


TEXT = '[columns]\ntext = "a"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{TEXT}titel = "b"\n', "line 3: columns.titel is not a key of a profile"),
        ('[columns]\nreview_id = "a"\n', "line 1: columns.text is missing"),
        ("[columns]\ntext = 1\n", r'line 2: columns.text should be a list, such as \["a", "b"\]'),
        ('[columns]\ntext = ["a", "a"]\n', "line 1: columns has 'a' twice"),
        (f'{TEXT}[dates]\nformat = "d/m/y"\n', "line 4: dates.format must be one of clear, iso"),
        (f'{TEXT}[dates]\ntime_zone = "Mars"\n', "line 4: dates.time_zone is no time zone"),
        (f"{TEXT}[rating]\nlowest = 5\nhighest = 1\n", "line 3: rating lowest must be less than highest"),
        (f"{TEXT}[rating]\nlowest = 1\nhighest = 5\n", "line 3: rating is of no use without"),
        (f'{TEXT}[labels]\npositive = ["x"]\nnegative = ["X"]\n', "line 3: labels 'x' has two meanings"),
        (f'{TEXT}[file]\nencoding = "klingon"\n', "line 4: file.encoding is no known encoding"),
        (f'{TEXT}[file]\ndelimiter = "x"\n', "line 4: file.delimiter must be one ASCII"),
        (f"{TEXT}[file]\nheader = -1\n", "line 4: file.header should be greater"),
        (f'movie = "m"\n{TEXT}movie_id = "b"\n', "line 1: movie contradicts columns.movie_id"),
        (f'each_file = "adds up"\n{TEXT}', "line 1: each_file must be one of adds, replaces"),
        (f"{TEXT}[limits]\nlargest_bad_share = 20\n", "line 4: limits.largest_bad_share"),
        (
            f"{TEXT}[limits]\nsmallest_share_of_last = 0.2\n",
            "line 4: limits.smallest_share_of_last is of no use without each_file = 'replaces'",
        ),
        (f'{TEXT}[severity]\nrating = "warn"\n', "line 4: severity.rating is not a key"),
        (
            f'{TEXT}reviewed_at = "b"\n[severity]\ndates = "stop"\n',
            "line 5: severity.dates should be 'warn', 'accept', 'quarantine' or 'refuse'",
        ),
        (
            f'{TEXT}[severity]\ndates = "accept"\n',
            "line 4: severity.dates is of no use without columns.reviewed_at",
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
