-- What the view live_accuracy rests on, so that it need not compare the near_key of every labelled row with all others.

-- One row per near_key that several source rows with a label or a rating have, of whatever readings. Whatever adds or deletes
-- rows changes it in the same transaction (tasks/warehouse/tallies/near_copies.py).
CREATE TABLE near_copies (
    near_key UBIGINT NOT NULL -- as in source_reviews
);

INSERT INTO near_copies
SELECT near_key FROM source_reviews WHERE near_key IS NOT NULL AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
GROUP BY near_key HAVING count(*) > 1;
