"""The sample archive: generated reviews in Stanford's layout, for the demo and the tests. None is real.

`words.py` holds the words, `sentences.py` the frames they fill, `reviews.py` titles, ratings and the shape of
a review, `writing.py` the archive. Its sizes and the digest of its content are in `data_contracts/archive.py`:
a change of words or frames changes the digest. Needs nothing but the standard library.
"""

from tasks.archive.sample.writing import write_sample_archive

__all__ = ["write_sample_archive"]
