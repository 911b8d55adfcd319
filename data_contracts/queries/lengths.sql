-- How long are the reviews, and do the scores depend on the length?
-- $step count = 100: words from one class to the next
SELECT
    best_token_count // greatest($step, 1) * greatest($step, 1) AS words_from,
    count(*) AS reviews,
    round(avg((best_sentiment = 'positive')::INTEGER), 3) AS share_positive,
    round(avg(best_predicted_rating), 2) AS mean_predicted_rating,
    round(avg(best_oov_rate), 3) AS mean_oov_rate, -- share of words that the model does not know
    count(*) FILTER (best_truncated) AS truncated_reviews -- longer than the model reads
FROM source_reviews
WHERE is_latest AND best_model_id IS NOT NULL -- the rows of latest_scores
GROUP BY words_from
ORDER BY words_from;
