-- Is a training to be relied on: what speaks for its model, what against, the heaviest first?
WITH model AS (FROM "training-model" WHERE model_id IS NOT NULL),
figures AS (FROM "training-figures" WHERE model_id IS NOT NULL),
-- In the mode 'auto' the gate promotes only a better model, after evaluating the champion on the present data again.
worse AS (
    SELECT format(
        'validation log loss {:.4f} against {:.4f}, accuracy {:.1f} % against {:.1f} %', model.validation_log_loss,
        old.validation_log_loss, 100 * model.validation_accuracy, 100 * old.validation_accuracy
    ) AS how
    FROM model JOIN models AS old ON old.model_id = replaced
    WHERE promote IS DISTINCT FROM 'auto' AND promoted_at IS NOT NULL AND (
        model.validation_log_loss > old.validation_log_loss OR model.validation_accuracy < old.validation_accuracy
    ) AND model.validation_log_loss + old.validation_log_loss + model.validation_accuracy + old.validation_accuracy
        IS NOT NULL
),
reasons (place, weight, brief, words) AS (
    FROM "run-ending"
    UNION ALL
    SELECT 3, if(how IS NULL, 'good', 'care'), if(how IS NULL, '', 'it is worse than the champion that it replaced'),
        CASE
            WHEN promoted_at IS NULL
                THEN format('This run did not promote it: {}.', coalesce(decision, 'the reason was not kept'))
            WHEN how IS NULL THEN format('It was promoted: {}.', decision)
            ELSE format('Worse than the champion that it replaced: {}. Promoted: {}.', how, decision)
        END
    FROM model LEFT JOIN worse ON true
    UNION ALL
    SELECT 4, if(test_accuracy <= baseline_accuracy, 'care', 'good'),
        if(test_accuracy <= baseline_accuracy, 'a linear model is no worse', 'it beats the linear baseline'),
        format(
            'Accuracy {:.1f} % on the test reviews; counting words and pairs gives {:.1f} %.', 100 * test_accuracy,
            100 * baseline_accuracy
        )
    FROM figures WHERE test_accuracy + baseline_accuracy IS NOT NULL
    UNION ALL
    SELECT 5, if(calibration_error > 0.05, 'care', 'good'),
        if(calibration_error > 0.05, 'its scores are badly calibrated', 'its scores are calibrated'),
        format(
            'Scores differ from the share of positive reviews by {:.1f} points on average.', 100 * calibration_error
        )
    FROM figures WHERE calibration_error IS NOT NULL
    UNION ALL
    SELECT 6, if(share_inside < 0.85, 'care', 'good'), if(share_inside < 0.85, 'its intervals are too narrow', ''),
        format('Intervals of movie ratings: aimed at 90 %, held {:.1f} %.', 100 * share_inside)
    FROM figures WHERE share_inside IS NOT NULL
    UNION ALL
    SELECT 7, 'care', if(
            dataset = 'sample', 'the model learnt from generated reviews', 'the model learnt from unverified reviews'
        ), if(
            dataset = 'sample',
            'The model learnt from generated reviews, not from real ones, so it is only good for a demo.',
            'The model learnt from an archive of unknown content, accepted unverified.'
        )
    FROM model WHERE dataset IN ('sample', 'other')
)
SELECT
    weight, -- bad, care or good
    brief, -- a clause; '' where the words say more
    words,
    coalesce((SELECT is_champion FROM model), false) AS is_champion -- it scores
FROM reasons ORDER BY list_position(['bad', 'care', 'good'], weight), place, words;
