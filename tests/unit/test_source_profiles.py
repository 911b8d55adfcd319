"""Tests that a profile says how files are read, and that a wrong one is refused with line, reason and next step."""

from pathlib import Path

import pytest

from data_contracts.errors import UsageError
from data_contracts.rules_and_limits import VALUE_RULES, FileLimits, RowLimits
from data_contracts.sources.profile import Labels, Rating, name_version, parse_profile
from tasks.inbox.source_files import SourceFile
from tasks.sources.catalogue import Catalogue
from tasks.sources.profile_options import choose_file_limits

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


COLUMNS = '[columns]\ntext = "a"\n'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (COLUMNS + 'titel = "b"\n', "line 3: columns.titel is not a key of a profile"),
        ('[columns]\nreview_id = "a"\n', "line 1: columns.text is missing"),
        (COLUMNS + '[dates]\nformat = "%Q"\n', "line 4: dates.format must be one of clear, iso"),
        (COLUMNS + '[dates]\ntime_zone = "Mars"\n', "line 4: dates.time_zone is no time zone"),
        (COLUMNS + "[rating]\nlowest = 5\nhighest = 1\n", "line 3: rating lowest must be less than highest"),
        (COLUMNS + "[rating]\nlowest = 1\nhighest = 5\n", "line 3: rating is of no use without"),
        (
            COLUMNS + 'given_rating = "b"\n[rating]\nlowest = 1\nhighest = 3\nwords = { good = 4 }\n',
            "line 4: rating the word 'good' means 4, which is not on the scale",
        ),
        ('movie = "m"\n' + COLUMNS + 'movie_id = "b"\n', "line 1: movie contradicts columns.movie_id"),
        (COLUMNS + '[labels]\npositive = ["x"]\nnegative = ["X"]\n', "line 3: labels 'x' has two meanings"),
        (COLUMNS + '[file]\nencoding = "utf-7"\n', "line 4: file.encoding is no known encoding"),
        (COLUMNS + '[file]\ndelimiter = "x"\n', "line 4: file.delimiter must be one ASCII"),
        (COLUMNS + 'review_id = "b"\nmovie_id = "b"\n', "line 1: columns has 'b' twice"),
        (
            COLUMNS + "[limits]\nsmallest_share_of_last = 0.2\n",
            "line 4: limits.smallest_share_of_last is of no use without each_file = 'replaces'",
        ),
        (
            COLUMNS + '[severity]\nshared_ids = "accept"\n',
            "line 4: severity.shared_ids is of no use without columns.review_id whose ids hold",
        ),
        ("[columns]\ntext = 1\n", r'line 2: columns.text should be a list, such as \["a", "b"\]'),
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


def test_a_profile_says_how_many_bad_rows_a_file_may_have_and_whether_it_replaces_those_before_it(
    tmp_path: Path,
) -> None:
    limits = "[limits]\nlargest_bad_share = 0.6\nfewest_rows = 3\n"
    catalogue = Catalogue(
        {"shop": parse_profile(write(tmp_path, f'each_file = "replaces"\n{COLUMNS}{limits}'))}
    )
    file = SourceFile("shop/a.csv", tmp_path / "a.csv", 1, 1, "0")
    found = choose_file_limits(catalogue, RowLimits(), file)
    assert found == FileLimits(max_bad_share=0.6, fewest_rows=3)
    assert catalogue.describe("shop/a.csv")["replaces_from_share"] == 0.5


def test_values_of_a_column_that_a_profile_leaves_out_are_nothing_to_tell_of(tmp_path: Path) -> None:
    source = Catalogue({"shop": parse_profile(write(tmp_path, '[columns]\ntext = ["text"]\n'))}).find(
        "shop/a.csv"
    )
    assert {source.judge(check) for check in VALUE_RULES} == {"accept"}
