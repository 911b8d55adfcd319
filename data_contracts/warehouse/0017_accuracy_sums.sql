-- What the view live_accuracy rests on, so that it need not read every score that has a label.

-- One row per file, model, source and UTC day of scoring, with sums over the rows that came with a label or a rating; where
-- rows were released later, several rows that add up. Whatever adds or deletes scores changes them in the same transaction
-- (tasks/warehouse/tallies/accuracy_sums.py).
CREATE TABLE accuracy_sums (
    source_sha256 VARCHAR NOT NULL, -- as in scored_reviews
    model_id VARCHAR NOT NULL, -- as in scored_reviews
    source VARCHAR NOT NULL, -- as in scored_reviews
    day DATE NOT NULL, -- of scored_at, in UTC
    labelled BIGINT NOT NULL, -- rows with a label, or a rating that implies one, as in live_accuracy
    right_ones BIGINT NOT NULL, -- those whose sentiment is the label
    rated BIGINT NOT NULL, -- rows with a rating
    stars_off DOUBLE NOT NULL, -- over those: absolute errors of the predicted ratings
    given_stars DOUBLE NOT NULL, -- over those
    predicted_stars DOUBLE NOT NULL -- over those
);

INSERT INTO accuracy_sums
SELECT
    source_sha256,
    model_id,
    coalesce(source, 'default') AS source,
    make_timestamp(epoch_us(scored_at))::DATE AS day,
    count(label),
    count(*) FILTER (sentiment = label),
    count(given_rating),
    coalesce(sum(abs(predicted_rating - given_rating)), 0),
    coalesce(sum(given_rating), 0),
    coalesce(sum(predicted_rating) FILTER (given_rating IS NOT NULL), 0)
FROM scored_reviews AS scores JOIN (
    SELECT source_sha256, row_number, given_rating, coalesce(
        given_label, CASE WHEN given_rating >= 7 THEN 'positive' WHEN given_rating <= 4 THEN 'negative' END
    ) AS label
    FROM source_reviews WHERE given_label IS NOT NULL OR given_rating IS NOT NULL
) AS given USING (source_sha256, row_number)
GROUP BY source_sha256, model_id, scores.source, day;

-- By the number of its text a row with a text that another one has, or that somebody labelled, is found without reading texts.
DROP TABLE text_keys;

-- One row per source row, with the number of its text: source_sha256, row_number. Whatever adds or deletes rows changes this
-- table and repeated_texts in the same transaction (tasks/warehouse/tallies/repeated_texts.py).
CREATE TABLE text_keys (
    text_key UBIGINT NOT NULL, -- the first 16 digits of text_sha256 as a number; two texts may have the same
    source_sha256 VARCHAR NOT NULL, -- as in source_reviews
    row_number BIGINT NOT NULL -- as in source_reviews
);

INSERT INTO text_keys
SELECT coalesce(try_cast('0x' || left(text_sha256, 16) AS UBIGINT), 0), source_sha256, row_number FROM source_reviews;
