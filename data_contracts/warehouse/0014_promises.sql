-- What each champion promised, what it holds, and for which reasons a training became due.

ALTER TABLE gate_checks ADD COLUMN reviews BIGINT; -- on which a slice or source was measured; null for other rules, and before version 14

-- One row per promotion and source, with labelled reviews of files that came since it; and one over all sources. Runs
-- that score renew those of the champion.
CREATE TABLE promises (
    number BIGINT NOT NULL, -- as in promotions
    model_id VARCHAR NOT NULL, -- as in models; the champion from that promotion on
    source VARCHAR, -- a folder of the inbox, or 'default'; null over all sources
    since TIMESTAMPTZ NOT NULL, -- when it became the champion
    promised DOUBLE NOT NULL, -- accuracy on held-out reviews, 0 to 1; over all sources the mean by their reviews
    promised_by VARCHAR NOT NULL, -- whose held-out reviews: 'own labels' of the source, 'archive', or 'both'
    reviews BIGINT NOT NULL, -- labelled reviews of files that came since, in the last 90 days, each once
    right_reviews BIGINT NOT NULL, -- those whose sentiment is the label
    evidence DOUBLE NOT NULL, -- of a fall of the accuracy; from 1 on it is beyond chance
    fallen_since DATE, -- UTC day from which on a fall is most likely; null where there is none beyond chance
    reviews_since_fall BIGINT NOT NULL, -- labelled reviews from that day on; 0 where there is none
    right_since_fall BIGINT NOT NULL, -- those whose sentiment is the label
    judged_at TIMESTAMPTZ NOT NULL -- by the last run that scored
);

-- One row per reason for which a training became due: number, reason, since. An event was emitted of it, once.
CREATE TABLE training_reasons (
    number BIGINT NOT NULL, -- of the promotion of the champion of that time, as in promotions
    model_id VARCHAR NOT NULL, -- as in models; that champion
    reason VARCHAR NOT NULL, -- 'accuracy', 'drift' or 'labels'
    since TIMESTAMPTZ NOT NULL, -- what counts came since: the promotion or, for labels, the last training with own labels
    words VARCHAR NOT NULL, -- the reason, with its figures
    due_at TIMESTAMPTZ NOT NULL -- when it was found
);
