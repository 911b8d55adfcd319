-- Which rows have texts that differ by a number, a name or a few words (data_contracts/sources/near_copies.py).

ALTER TABLE source_reviews ADD COLUMN near_key UBIGINT; -- equal in most near-copies of a text; null without a word, and for rows from before it was kept
