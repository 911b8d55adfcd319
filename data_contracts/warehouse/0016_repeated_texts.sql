-- What the named query duplicates and the view live_accuracy rest on, so that they need not compare every text with all others.

-- One row per number that a text has: the first 16 digits of text_sha256. By it a commit finds texts that were there before.
-- Whatever adds or deletes rows changes this table and the next one in the same transaction
-- (tasks/warehouse/tallies/repeated_texts.py).
CREATE TABLE text_keys (
    text_key UBIGINT NOT NULL -- two texts may have the same
);

INSERT INTO text_keys
SELECT DISTINCT coalesce(try_cast('0x' || left(text_sha256, 16) AS UBIGINT), 0) FROM source_reviews;

-- One row per text that several source rows have, of whatever readings: text_sha256.
CREATE TABLE repeated_texts (
    text_sha256 VARCHAR NOT NULL -- as in source_reviews
);

INSERT INTO repeated_texts
SELECT text_sha256 FROM source_reviews SEMI JOIN (
    SELECT hash(text_sha256) AS text_number FROM source_reviews GROUP BY text_number HAVING count(*) > 1
) AS numbers ON hash(text_sha256) = text_number
GROUP BY text_sha256 HAVING count(*) > 1;
