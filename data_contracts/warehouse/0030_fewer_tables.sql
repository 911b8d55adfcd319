-- Which texts, and nearly equal ones, several rows have: one table for both, and the number of each text beside it. The days
-- on which sources send files are a view.

DROP TABLE text_keys;
DROP TABLE repeated_texts;
DROP TABLE near_copies;
DROP TABLE source_days;

ALTER TABLE source_reviews ADD COLUMN text_key UBIGINT; -- the first 16 digits of text_sha256 as a number; two texts may have the same

-- One row per key that several source rows have, of whatever readings: kind, key. Whatever adds or deletes rows changes it in
-- the same transaction (tasks/warehouse/tallies/repeated_keys.py).
CREATE TABLE repeated_keys (
    kind VARCHAR NOT NULL, -- 'text' for a text_key of source_reviews, 'near' for a near_key of rows with a label or a rating
    key UBIGINT NOT NULL -- as in source_reviews
);
