-- How long are the reviews, and do the scores depend on the length?
-- $step count = 100: words from one class to the next
SELECT
    token_count // greatest($step, 1) * greatest($step, 1) AS words_from,
    count(*) AS reviews,
    round(avg((latest.sentiment = 'positive')::INTEGER), 3) AS share_positive,
    round(avg(latest.predicted_rating), 2) AS mean_predicted_rating,
    round(avg(oov_rate), 3) AS mean_oov_rate, -- share of words that the model does not know
    count(*) FILTER (truncated) AS truncated_reviews -- longer than the model reads
FROM latest_scores AS latest
JOIN scored_reviews USING (source_sha256, row_number, model_id)
GROUP BY words_from
ORDER BY words_from;
