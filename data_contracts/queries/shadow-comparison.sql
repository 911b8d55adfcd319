-- How does the shadow do beside the champion, on the reviews that both scored?
-- $model text = none: model_id of a model that was the shadow; without it all of them
-- $beside text = none: only beside this model
SELECT
    model_id, -- of the shadow
    compared_with, -- model_id of the champion, or of an earlier one
    source, -- a folder of the inbox, or 'default'; null over all sources
    reviews,
    round(share_agreement, 3) AS agreement, -- share with the same sentiment
    flips, -- with another one
    round(mean_score_difference, 3) AS score_difference, -- mean absolute
    round(mean_rating_difference, 2) AS stars_difference, -- mean absolute
    round(correlation, 3) AS correlation, -- of the scores
    labelled_reviews AS labelled, -- with a label, or a rating that implies one
    round(shadow_accuracy, 3) AS shadow_accuracy,
    round(champion_accuracy, 3) AS champion_accuracy,
    round(gain_lower, 3) AS gain_lower, -- 95 % interval of the difference of the two
    round(gain_upper, 3) AS gain_upper,
    round(mcnemar_p, 3) AS mcnemar_p,
    round(shadow_rating_mae, 2) AS shadow_stars_off, -- mean absolute error
    round(champion_rating_mae, 2) AS champion_stars_off
FROM shadow_comparison
WHERE ($model IS NULL OR model_id = $model) AND ($beside IS NULL OR compared_with = $beside)
ORDER BY model_id, compared_with, source NULLS FIRST;
