"""Tests of the sample archive: Stanford's layout, deterministic content, recognizable as a sample."""

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from data_contracts.archive import CONTENT_DIGESTS, EXPECTED_REVIEWS
from data_contracts.errors import SourceError
from models.tokenizer import split_words
from tasks.archive.sample import write_sample_archive
from tasks.archive.sample.reviews import make_reviews

Files = dict[str, bytes]
"""Content by path below `aclImdb/`."""

EXPECTED = EXPECTED_REVIEWS["sample"]

REVIEW = re.compile(r"(train|test)/(pos|neg|unsup)/(\d+)_(\d+)\.txt")


def _read_files(path: Path) -> Files:
    with tarfile.open(path) as tar:
        return {
            member.name.removeprefix("aclImdb/"): stream.read()
            for member in tar
            if (stream := tar.extractfile(member)) is not None
        }


def _digest(files: Files) -> str:
    lines = [f"{name}\t{sha256(files[name]).hexdigest()}\n" for name in files if name.endswith(".txt")]
    return sha256("".join(sorted(lines)).encode()).hexdigest()


def _list_reviews(files: Files) -> Iterator[tuple[str, str, int, int, str]]:
    """List split, label, review number, rating and text of every review."""
    for name, content in files.items():
        if found := REVIEW.fullmatch(name):
            yield found[1], found[2], int(found[3]), int(found[4]), content.decode()


def _list_titles(files: Files, split: str, label: str) -> list[str]:
    lines = files[f"{split}/urls_{label}.txt"].decode().splitlines()
    found = [re.fullmatch(r"http://www\.imdb\.com/title/(tt\d{7})/usercomments", line) for line in lines]
    return [match[1] if match else "" for match in found]


@pytest.fixture(scope="module")
def reported() -> list[int]:
    """What was reported while the archive was written."""
    return []


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, reported: list[int]) -> Path:
    return write_sample_archive(tmp_path_factory.mktemp("sample") / "sample.tar.gz", reported.append)


@pytest.fixture(scope="module")
def files(archive: Path) -> Files:
    return _read_files(archive)


@pytest.mark.slow
def test_its_content_is_the_one_that_is_pinned(files: Files) -> None:
    assert _digest(files) == CONTENT_DIGESTS["sample"]


@pytest.mark.slow
def test_its_layout_is_that_of_the_published_archive(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert all(name == "aclImdb" or name.startswith("aclImdb/") for name in names)
    others = {name for name in names if not REVIEW.fullmatch(name.removeprefix("aclImdb/"))}
    folders = {"train", "test", *(f"{split}/{label}" for split, label in EXPECTED)}
    lists = {f"{split}/urls_{label}.txt" for split, label in EXPECTED}
    assert others == {"aclImdb", *(f"aclImdb/{name}" for name in folders | lists | {"README"})}


def test_each_folder_has_its_stated_reviews_numbered_from_zero(files: Files) -> None:
    numbers: dict[tuple[str, str], list[int]] = {folder: [] for folder in EXPECTED}
    for split, label, number, _, _ in _list_reviews(files):
        numbers[split, label].append(number)
    for folder, count in EXPECTED.items():
        assert sorted(numbers[folder]) == list(range(count))


def test_every_review_has_a_title_in_the_url_list_of_its_folder(files: Files) -> None:
    for (split, label), count in EXPECTED.items():
        titles = _list_titles(files, split, label)
        assert len(titles) == count
        assert all(titles)


def test_no_title_is_in_both_train_and_test(files: Files) -> None:
    of_split = {
        split: {title for label in ("neg", "pos") for title in _list_titles(files, split, label)}
        for split in ("train", "test")
    }
    assert not of_split["train"] & of_split["test"]


def test_no_name_of_a_title_is_given_twice() -> None:
    seen: set[str] = set()
    first = {review.title for review in make_reviews(1, 1, 200, seen)}
    second = {review.title for review in make_reviews(1, 1, 200, seen)}
    assert not first & second


def test_a_title_has_between_ten_and_thirty_rated_reviews(files: Files) -> None:
    for split in ("train", "test"):
        counts = Counter(title for label in ("neg", "pos") for title in _list_titles(files, split, label))
        assert min(counts.values()) >= 10
        assert max(counts.values()) <= 30


def test_some_titles_are_liked_and_some_are_not(files: Files) -> None:
    liked = Counter(_list_titles(files, "train", "pos"))
    disliked = Counter(_list_titles(files, "train", "neg"))
    shares = [liked[title] / (liked[title] + disliked[title]) for title in liked | disliked]
    assert min(shares) < 0.15
    assert max(shares) > 0.85


def test_ratings_fit_their_label(files: Files) -> None:
    ratings: dict[str, set[int]] = {"neg": set(), "pos": set(), "unsup": set()}
    for _, label, _, rating, _ in _list_reviews(files):
        ratings[label].add(rating)
    assert ratings == {"neg": {1, 2, 3, 4}, "pos": {7, 8, 9, 10}, "unsup": {0}}


@pytest.mark.slow
def test_lengths_range_from_five_words_to_fifteen_hundred(files: Files) -> None:
    lengths = [len(split_words(text)) for *_, text in _list_reviews(files)]
    assert min(lengths) == 5
    assert 1_200 < max(lengths) <= 1_500
    assert sum(length > 500 for length in lengths) > 50


@pytest.mark.slow
def test_its_vocabulary_is_larger_than_what_a_model_knows(files: Files) -> None:
    words = {word for *_, text in _list_reviews(files) for word in split_words(text)}
    assert len(words) > 5_000


def test_no_slot_of_a_frame_is_left_unfilled(files: Files) -> None:
    assert not [text for *_, text in _list_reviews(files) if "{" in text or "}" in text]


def test_some_reviews_have_html_line_breaks_and_some_letters_beyond_ascii(files: Files) -> None:
    texts = [text for *_, text in _list_reviews(files)]
    assert 0.1 < sum("<br /><br />" in text for text in texts) / len(texts) < 0.5
    assert any(not text.isascii() for text in texts)


@pytest.mark.parametrize("label", ["test", "unsup"])
def test_some_texts_stand_in_train_as_well(files: Files, label: str) -> None:
    train: set[str] = set()
    other: set[str] = set()
    for split, of_label, _, _, text in _list_reviews(files):
        if label in (split, of_label):
            other.add(text)
        elif split == "train" and of_label != "unsup":
            train.add(text)
    assert 5 <= len(train & other) <= 60


def test_strong_ratings_are_told_in_strong_words(files: Files) -> None:
    mean_share = {rating: _share_strong(files, rating) for rating in (1, 4, 7, 10)}
    assert mean_share[1] > 2 * mean_share[4]
    assert mean_share[10] > 2 * mean_share[7]


def _share_strong(files: Files, rating: int) -> float:
    """Return the share of the short reviews of one rating that have a strong word of its sentiment."""
    strong = {"superb", "brilliant", "glorious"} if rating > 5 else {"terrible", "awful", "hideous"}
    texts = [text for *_, of_rating, text in _list_reviews(files) if of_rating == rating and len(text) < 600]
    return sum(bool(strong & set(split_words(text))) for text in texts) / len(texts)


def test_it_says_that_it_is_a_generated_sample(files: Files) -> None:
    assert "NOT the Stanford Large Movie Review Dataset" in files["README"].decode()
    assert "generated sample" in files["README"].decode()


def test_reviews_are_the_same_whatever_was_drawn_elsewhere() -> None:
    def first_texts() -> list[str]:
        return [review.text for review in islice(make_reviews(7, 1, 30, set()), 20)]

    assert first_texts() == first_texts()


@pytest.mark.usefixtures("archive")
def test_every_review_is_reported_once(reported: list[int]) -> None:
    assert sum(reported) == sum(EXPECTED.values())


@pytest.mark.slow
def test_a_failed_write_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "sample.tar.gz"
    path.write_bytes(b"what was there")

    def fail(reviews: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SourceError, match=r"sample\.tar\.gz: .*No space left"):
        write_sample_archive(path, fail)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"what was there"


def test_a_path_below_a_file_is_a_source_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="can't be written"):
        write_sample_archive(tmp_path / "file" / "sample.tar.gz")
