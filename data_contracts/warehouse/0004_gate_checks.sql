-- Why a model was promoted or not: the gate's rules with their figures, for each comparison with the champion.

-- One row per decision of the gate and rule: decision, name. Where there was no comparison, the rule is 'first_model',
-- 'not_compared' or 'golden_scores'. The intervals of slices are simultaneous over all slices.
CREATE TABLE gate_checks (
    decision BIGINT, -- from 1, upwards
    name VARCHAR, -- 'log_loss', 'accuracy', 'slice NAME', 'behaviour TYPE', 'cost'; others where nothing was compared
    model_id VARCHAR NOT NULL, -- as in models; the challenger
    compared_with VARCHAR, -- model_id of the champion at that time; null for the first model
    mode VARCHAR NOT NULL, -- 'auto', 'never' or 'always', as requested
    promoted BOOLEAN NOT NULL, -- whether the decision made the challenger the champion
    passed BOOLEAN NOT NULL, -- whether the challenger keeps the rule
    detail VARCHAR NOT NULL, -- in words, with the figures
    challenger DOUBLE, -- its figure: nats, a share of reviews or tests, or seconds a review; null where there is none
    champion DOUBLE, -- likewise
    gain_lower DOUBLE, -- lower end of the 95 % interval of the challenger's gain, in nats or as a share; null if none
    gain_upper DOUBLE, -- upper end of the same interval
    run_id VARCHAR, -- the run that decided, as in runs; null for a command
    "at" TIMESTAMPTZ NOT NULL, -- when it was decided
    PRIMARY KEY (decision, name)
);
