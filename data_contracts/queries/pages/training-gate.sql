-- Which rules of the gate did the model of a training keep against the champion of that moment, broken ones first?
-- $run text = none: the run_id of a training
SELECT
    replace(name, '_', ' ') AS of_the_gate,
    if(passed, 'held', 'broken') AS result,
    detail AS figures, -- of the challenger against the champion
    compared_with, -- the champion
    mode
FROM gate_checks WHERE run_id = $run AND compared_with IS NOT NULL
ORDER BY passed, list_position(
    ['log_loss', 'accuracy', 'own_log_loss', 'source', 'slice', 'behaviour', 'cost'], split_part(name, ' ', 1)
), name;
