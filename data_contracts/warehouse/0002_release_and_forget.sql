-- What a quarantined row needs to be released, and the trace of what was forgotten.

ALTER TABLE quarantined_rows ADD COLUMN review_id VARCHAR; -- null where the source names none, or before version 2
ALTER TABLE quarantined_rows ADD COLUMN movie_id VARCHAR; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN reviewed_at TIMESTAMPTZ; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN given_label VARCHAR; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN given_rating DOUBLE; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN extra JSON; -- the source's other columns; likewise
ALTER TABLE quarantined_rows ADD COLUMN raw_is_text BOOLEAN; -- raw is the whole text, so the row can be released

-- One row per source row that was forgotten: source_sha256, row_number. It says that there was one, not what.
CREATE TABLE forgotten_rows (
    source_sha256 VARCHAR, -- as in source_reviews
    row_number BIGINT, -- as in source_reviews
    was_quarantined BOOLEAN NOT NULL, -- and not released; else it was among the scored ones
    reason VARCHAR, -- in the words of whoever asked; null where none were given
    forgotten_by VARCHAR NOT NULL, -- who asked
    forgotten_at TIMESTAMPTZ NOT NULL, -- when
    PRIMARY KEY (source_sha256, row_number)
);
