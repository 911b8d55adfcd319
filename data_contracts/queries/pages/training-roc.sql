-- How many positive reviews does the model of a training find at the price of how many false ones?
WITH curve AS (
    SELECT from_json(metrics->'$.evaluations.test.roc.false_positive_rate', '["DOUBLE"]') AS false_ones,
        from_json(metrics->'$.evaluations.test.roc.true_positive_rate', '["DOUBLE"]') AS right_ones
    FROM "training-model" WHERE (metrics->'$.evaluations.test.roc') IS NOT NULL
)
SELECT unnest(false_ones) AS negative_reviews_called_positive, unnest(right_ones) AS positive_ones_called_so FROM curve;
