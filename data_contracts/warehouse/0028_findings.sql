-- What needs a person, said once for all pages and messages. It takes the place of the memory of alerts on sources, and of
-- reasons for a training.

-- One row per kind and subject: what a run found that somebody should know or do something about.
CREATE TABLE findings (
    number BIGINT NOT NULL, -- from 1; `reviews findings accept` takes it
    kind VARCHAR NOT NULL, -- such as 'refused_file'; docs/operations.md lists them
    subject VARCHAR NOT NULL, -- of what it is: a file, source, model, destination, movie, rule or flow
    source VARCHAR, -- whose files show it, as in scored_files; null where it is of no source
    level VARCHAR NOT NULL, -- 'error', 'warning' or 'note'
    what VARCHAR NOT NULL, -- what is so, with figures
    next VARCHAR NOT NULL, -- the command that goes on with it, or a sentence that has it
    state VARCHAR NOT NULL, -- 'open', 'settled' once it is so no longer, or 'accepted'
    first_run VARCHAR, -- the run that opened it; null for a command
    first_seen TIMESTAMPTZ NOT NULL, -- when it was opened, by the same run
    last_run VARCHAR, -- the last run that wrote it; runs that find nothing new write none
    last_seen TIMESTAMPTZ NOT NULL, -- when it was written so
    accepted_by VARCHAR, -- who accepted it, as user@host; null if nobody did
    reason VARCHAR, -- why it was accepted; null likewise
    told_at TIMESTAMPTZ -- when the webhook was told of it; null before
);

INSERT INTO findings BY NAME
SELECT
    row_number() OVER (ORDER BY due_at, reason) AS number, 'training_due' AS kind, model_id || ' (' || reason || ')' AS subject,
    'warning' AS level, words AS what, 'reviews train --with-own' AS next, 'open' AS state, due_at AS first_seen,
    due_at AS last_seen, due_at AS told_at
FROM training_reasons WHERE number = (SELECT max(number) FROM promotions)
QUALIFY row_number() OVER (PARTITION BY reason ORDER BY due_at DESC) = 1;

DROP TABLE source_alerts;
DROP TABLE training_reasons;
