-- The scores on which the named query model-flips rests, so that it need not compare every score with the one that counts.

-- One row per score with another sentiment than the score that counts for its row: source_sha256, row_number, model_id.
-- Whatever changes which score counts changes these rows in the same transaction (tasks/warehouse/latest_scores.py).
CREATE TABLE flipped_scores (
    source_sha256 VARCHAR NOT NULL, -- as in scored_reviews
    row_number BIGINT NOT NULL, -- as in scored_reviews
    model_id VARCHAR NOT NULL, -- of the other model, as in scored_reviews
    score DOUBLE NOT NULL -- that model's score, as in scored_reviews
);

INSERT INTO flipped_scores
SELECT source_sha256, row_number, scores.model_id, scores.score
FROM scored_reviews AS scores JOIN source_reviews USING (source_sha256, row_number)
WHERE scores.model_id <> best_model_id AND scores.sentiment <> best_sentiment;
