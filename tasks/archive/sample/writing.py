"""Writes the sample archive: distributes the reviews to splits and files, and packs them as a .tar.gz.

All paths and file contents are the same on each machine and Python version; the compressed bytes may differ between
versions of zlib.
"""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from data_contracts.archive import EXPECTED_REVIEWS, ROOT
from data_contracts.errors import SourceError
from data_contracts.storage.durable import write_whole
from tasks.archive.sample.reviews import Review, make_reviews

SAMPLE_COUNTS = EXPECTED_REVIEWS["sample"]
"""Reviews by split and label; each split has as many positive as negative ones."""
_SEEDS = {"train": 1, "test": 2, "unsup": 3}
_REPEATED_EVERY = 100
"""One in so many test and unsup reviews repeats a train review word for word, as happens in the real archive."""
_MTIME = 1_577_836_800
_README = """\
This is NOT the Stanford Large Movie Review Dataset. It is a generated sample in its layout.

A program wrote every review in here from a list of words and sentence frames. No film, person or place is
real, the title ids are made up, and nobody holds the opinions. Use it to try the pipeline and to test it;
accuracy on it says nothing about real reviews.

train/pos, train/neg, test/pos, test/neg   ID_RATING.txt, one review each; neg 1-4 stars, pos 7-10
train/unsup                                ID_0.txt, reviews without a rating
urls_pos.txt, urls_neg.txt, urls_unsup.txt line ID (from 0) names the title of review ID

No title is in both train and test. A few reviews say the contrary of their rating, and a few test and
unsup reviews repeat a train review word for word, as happens in real collections.
"""


def write_sample_archive(path: Path, report: Callable[[int], None] = lambda reviews: None) -> Path:
    """Write the sample as a .tar.gz to `path`, completely or not at all, and return `path`.

    A file there is replaced; missing folders are created. `report` is called with the number of reviews written since
    its last call, `sum(SAMPLE_COUNTS.values())` in all. Raises `SourceError` if `path` can't be written.
    """
    try:
        with write_whole(path) as building:
            _write_tar(building, _list_members(_make_folders()), report)
    except OSError as error:
        raise SourceError(
            f"{path}: the sample archive can't be written ({error.strerror}). Next: free space, or name another path."
        ) from error
    return path


def _make_folders() -> dict[tuple[str, str], list[Review]]:
    """Return all reviews by split and label, in the order of their review numbers."""
    names_seen: set[str] = set()
    train = list(make_reviews(_SEEDS["train"], 1, SAMPLE_COUNTS["train", "pos"], names_seen))
    test = list(make_reviews(_SEEDS["test"], 2_001, SAMPLE_COUNTS["test", "pos"], names_seen))
    unsup = list(make_reviews(_SEEDS["unsup"], 4_001, SAMPLE_COUNTS["train", "unsup"] // 2, names_seen))
    test = _repeat_some(test, train)
    return {
        ("test", "neg"): [review for review in test if review.sign < 0],
        ("test", "pos"): [review for review in test if review.sign > 0],
        ("train", "neg"): [review for review in train if review.sign < 0],
        ("train", "pos"): [review for review in train if review.sign > 0],
        ("train", "unsup"): [replace(review, rating=0) for review in _repeat_some(unsup, train)],
    }


def _repeat_some(reviews: Sequence[Review], earlier: Sequence[Review]) -> list[Review]:
    """Replace the text of every `_REPEATED_EVERY`th review by that of an earlier one.

    The earlier review has the same rating, and its text does not name its title.
    """
    reusable = {
        rating: [
            review.text
            for review in earlier
            if review.rating == rating and review.title.lower() not in review.text.lower()
        ]
        for rating in {review.rating for review in reviews}
    }
    return [
        replace(review, text=reusable[review.rating][position % len(reusable[review.rating])])
        if position % _REPEATED_EVERY == 0
        else review
        for position, review in enumerate(reviews)
    ]


def _list_members(folders: Mapping[tuple[str, str], Sequence[Review]]) -> Iterator[tuple[str, str]]:
    """Yield path and text of every file in the published order; a path that ends with `/` is a folder."""
    yield f"{ROOT}/", ""
    yield f"{ROOT}/README", _README
    for split in ("test", "train"):
        labels = [label for of_split, label in folders if of_split == split]
        yield f"{ROOT}/{split}/", ""
        for label in labels:
            yield f"{ROOT}/{split}/{label}/", ""
            for number, review in enumerate(folders[split, label]):
                yield f"{ROOT}/{split}/{label}/{number}_{review.rating}.txt", review.text
        for label in labels:
            lines = [f"http://www.imdb.com/title/{r.movie_id}/usercomments\n" for r in folders[split, label]]
            yield f"{ROOT}/{split}/urls_{label}.txt", "".join(lines)


def _write_tar(path: Path, members: Iterable[tuple[str, str]], report: Callable[[int], None]) -> None:
    """Write the members of the sample archive as a .tar.gz, the same bytes for the same members."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, text in members:
            content = text.encode()
            tar.addfile(_describe_member(name, len(content)), io.BytesIO(content))
            if name.endswith(".txt") and "/urls_" not in name:
                report(1)


def _describe_member(name: str, size: int) -> tarfile.TarInfo:
    """Return the tar header of a member of the sample archive."""
    member = tarfile.TarInfo(name.rstrip("/"))
    is_folder = name.endswith("/")
    member.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
    member.mode = 0o755 if is_folder else 0o644
    member.size, member.mtime = size, _MTIME
    return member
