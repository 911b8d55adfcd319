"""The contract of the archive: its identity, layout, limits, and the rules of its folders.

Source: the Stanford Large Movie Review Dataset v1.0. Only `check_archive` starts Great Expectations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from data_contracts.expectations import CheckResult, import_expectations, run_checks
from data_contracts.rules_and_limits import NEGATIVE_STARS, POSITIVE_STARS

BOUNDARY = "archive"

PUBLISHED_URL = "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
PUBLISHED_SHA256 = "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"


@dataclass(frozen=True)
class PublishedArchive:
    """The contract of a published archive: its address, size in bytes and SHA-256 (hex), known before it is fetched."""

    url: str
    size: int
    sha256: str


PUBLISHED = PublishedArchive(PUBLISHED_URL, 84_125_825, PUBLISHED_SHA256)

Folder = tuple[str, str]
"""A folder of reviews as (split, label): ('train', 'pos') is `aclImdb/train/pos`."""

FOLDERS: tuple[Folder, ...] = (
    ("train", "neg"),
    ("train", "pos"),
    ("test", "neg"),
    ("test", "pos"),
    ("train", "unsup"),
)
ROOT = "aclImdb"
RATINGS_BY_LABEL: Mapping[str, tuple[int, int]] = {
    "neg": NEGATIVE_STARS,
    "pos": POSITIVE_STARS,
    "unsup": (0, 0),
}
"""The lowest and the highest rating, in stars, of each label; 0 means unknown."""

TITLE_ID = "tt[0-9]{5,10}"
"""The pattern of an IMDb title id."""

SKIPPED_FILES = frozenset(
    {
        "README",
        "imdb.vocab",
        "imdbEr.txt",
        "train/labeledBow.feat",
        "train/unsupBow.feat",
        "test/labeledBow.feat",
    }
)
"""The other files of the published archive, by path below the root. They are skipped."""

MEBIBYTE = 1024 * 1024
MAX_REVIEW_BYTES = MEBIBYTE
MAX_URL_LIST_BYTES = 16 * MEBIBYTE
MAX_SKIPPED_BYTES = 256 * MEBIBYTE
MAX_TOTAL_BYTES = 2048 * MEBIBYTE
"""Bytes of the whole archive, unpacked; the Stanford archive has 206 MiB as a tar."""
MAX_MEMBERS = 500_000
"""Files and folders in the archive; the Stanford data set has 100,000 reviews and some 20 others."""
MAX_COMPRESSION_RATIO = 100
"""Unpacked bytes per packed byte; about 4 for reviews."""
UNSUSPECTED_BYTES = 16 * MEBIBYTE
"""Unpacked bytes up to which the compression ratio is not checked."""

CONTENT_DIGESTS: Mapping[str, str] = {
    "stanford": "d14eebb4c3d63e05d8629591e86843437e5f98fd292a72997e933c348f61ed9f",
    "sample": "92822e965f47560f976b31d2980c0dc1ab589c7532361ca3647ac435b88a5bfe",
}
"""The digest of each known data set's content, as `tasks.archive.reader.read_archive` computes it."""

DATASETS = {
    "stanford": "the Stanford Large Movie Review Dataset",
    "sample": "the generated sample (made-up reviews, not real ones)",
    "other": "an archive of unknown content, accepted unverified",
}
"""The name of each `dataset` in texts for people."""
EXPECTED_REVIEWS: Mapping[str, Mapping[Folder, int]] = {
    "stanford": {
        ("train", "neg"): 12_500,
        ("train", "pos"): 12_500,
        ("test", "neg"): 12_500,
        ("test", "pos"): 12_500,
        ("train", "unsup"): 50_000,
    },
    "sample": {
        ("train", "neg"): 2_500,
        ("train", "pos"): 2_500,
        ("test", "neg"): 1_000,
        ("test", "pos"): 1_000,
        ("train", "unsup"): 1_000,
    },
}
"""Reviews in each folder of each known data set. Folders of an unknown data set need at least one."""


@dataclass(frozen=True)
class FolderCount:
    """The counts of one folder of an archive."""

    split: str
    label: str
    reviews: int
    urls: int
    lowest_rating: int | None
    """In stars; None where the folder is empty."""
    highest_rating: int | None
    expected_reviews: int | None
    """None for an unknown data set, where one review is enough."""


def check_archive(folders: Sequence[FolderCount]) -> list[CheckResult]:
    """Check the counts of an archive's folders; return one result per expectation, failed rows as (split, label)."""
    import pandas as pd

    allowed = ("lowest_allowed", "highest_allowed")
    rows = [
        {
            "folder": f"{folder.split}/{folder.label}",
            **asdict(folder),
            **dict(zip(allowed, RATINGS_BY_LABEL[folder.label], strict=True)),
        }
        for folder in folders
    ]
    frame = pd.DataFrame(rows, columns=["folder", *FolderCount.__dataclass_fields__, *allowed])
    expectations = [*_expect_archive_folders(), *_expect_archive_ratings()]
    return run_checks(BOUNDARY, frame, expectations, ("split", "label"))


def _expect_archive_folders() -> list[Any]:
    """Return the expectations about each folder of the archive."""
    gx = import_expectations()
    return [
        gx.ExpectColumnValuesToBeUnique(column="folder", meta={"rule": "folders_unique"}),
        gx.ExpectColumnDistinctValuesToEqualSet(
            column="folder",
            value_set=[f"{split}/{label}" for split, label in FOLDERS],
            meta={"rule": "folders_complete"},
        ),
        *expect_archive_counts(),
        gx.ExpectColumnPairValuesToBeEqual(
            column_A="reviews",
            column_B="urls",
            meta={"rule": "urls_match_reviews", "expected": "a URL list as long as its folder"},
        ),
    ]


def _expect_archive_ratings() -> list[Any]:
    """Return the expectations about the ratings in a folder of the archive."""
    gx = import_expectations()
    ranges = ", ".join(
        f"{label} {low}" if low == high else f"{label} {low} to {high}"
        for label, (low, high) in RATINGS_BY_LABEL.items()
    )
    return [
        gx.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="lowest_rating",
            column_B="lowest_allowed",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta={"rule": "lowest_rating_fits_label", "expected": f"ratings by label: {ranges}"},
        ),
        gx.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="highest_allowed",
            column_B="highest_rating",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta={"rule": "highest_rating_fits_label", "expected": f"ratings by label: {ranges}"},
        ),
    ]


def expect_archive_counts() -> list[Any]:
    """Expect in each folder of the archive at least one review, and as many `reviews` as `expected_reviews`."""
    gx = import_expectations()
    return [
        gx.ExpectColumnValuesToBeBetween(
            column="reviews", min_value=1, meta={"rule": "folder_not_empty", "expected": "at least 1 review"}
        ),
        gx.ExpectColumnPairValuesToBeEqual(
            column_A="reviews",
            column_B="expected_reviews",
            ignore_row_if="either_value_is_missing",
            meta={"rule": "reviews_as_published", "expected": "as many reviews as the data set has"},
        ),
    ]
