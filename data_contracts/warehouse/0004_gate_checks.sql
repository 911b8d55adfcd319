-- Why a model was promoted or not: the rules of the gate with their figures, whenever a model was held against the champion.

-- One row per decision of the gate and rule: decision, name.
CREATE TABLE gate_checks (
    decision BIGINT, -- from 1, upwards
    name VARCHAR, -- 'log_loss', 'accuracy', 'slice NAME', 'behaviour TYPE', 'cost'; 'first_model', 'not_compared' or 'golden_scores' where there was no comparison
    model_id VARCHAR NOT NULL, -- as in models; the challenger
    compared_with VARCHAR, -- model_id of the champion of that moment; null for the first model
    mode VARCHAR NOT NULL, -- 'auto', 'never' or 'always', as it was asked for
    promoted BOOLEAN NOT NULL, -- whether the decision made the challenger the champion
    passed BOOLEAN NOT NULL, -- whether the challenger holds the rule
    detail VARCHAR NOT NULL, -- in words, with the figures
    challenger DOUBLE, -- its figure: nats, a share of reviews or tests, or seconds a review; null where there is none
    champion DOUBLE, -- likewise
    gain_lower DOUBLE, -- of the 95 % interval of the challenger's gain, in nats or as a share, for slices that of all of them at once; null where there is none
    gain_upper DOUBLE, -- likewise
    run_id VARCHAR, -- the run that decided, as in runs; null for a command
    "at" TIMESTAMPTZ NOT NULL, -- when it was decided
    PRIMARY KEY (decision, name)
);
