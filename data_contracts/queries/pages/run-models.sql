-- What did each model score in a run?
SELECT
    model_id, count(*) FILTER (counts) AS reviews, -- but for those that do not count
    avg((sentiment = 'positive')::INTEGER) FILTER (counts) AS share_positive,
    avg(score) FILTER (counts) AS mean_score, avg(predicted_rating) FILTER (counts) AS mean_stars,
    avg(truncated::INTEGER) FILTER (counts) AS share_cut_short, avg(oov_rate) FILTER (counts) AS share_unknown_words
FROM "period-rows" GROUP BY model_id ORDER BY reviews DESC, model_id;
