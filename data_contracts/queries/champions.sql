-- Which model was the champion from when on, and how good is it?
SELECT
    promotions."at",
    action,
    promotions.model_id,
    variant,
    dataset,
    round(test_accuracy, 3) AS test_accuracy,
    round(baseline_test_accuracy, 3) AS baseline_test_accuracy, -- of the linear baseline on the same rows
    compared_with, -- the champion before
    reason,
    promoted_by
FROM promotions LEFT JOIN models USING (model_id)
ORDER BY number DESC;
