"""The sample archive: generated reviews in Stanford's layout, for the demo and the tests. None is real.

`words.py` holds the lists of words and `sentences.py` the sentence frames with slots for them. `reviews.py` invents
titles and ratings and composes the reviews; `writing.py` writes the archive. Its numbers of reviews and its content
digest are in `data_contracts/archive.py`: any change of words or frames changes the digest.
"""

from tasks.archive.sample.writing import write_sample_archive

__all__ = ["write_sample_archive"]
