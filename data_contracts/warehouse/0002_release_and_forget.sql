-- The columns that the release of a quarantined row needs, and the record of forgotten rows.

ALTER TABLE quarantined_rows ADD COLUMN review_id VARCHAR; -- null where the source names none, or before version 2
ALTER TABLE quarantined_rows ADD COLUMN movie_id VARCHAR; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN reviewed_at TIMESTAMPTZ; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN given_label VARCHAR; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN given_rating DOUBLE; -- likewise
ALTER TABLE quarantined_rows ADD COLUMN extra JSON; -- the source's other columns; likewise
ALTER TABLE quarantined_rows ADD COLUMN raw_is_text BOOLEAN; -- raw is the whole text, so the row can be released

-- One row per source row that was forgotten: source_sha256, row_number. It keeps no content of the row.
CREATE TABLE forgotten_rows (
    source_sha256 VARCHAR, -- as in source_reviews
    row_number BIGINT, -- as in source_reviews
    was_quarantined BOOLEAN NOT NULL, -- true: quarantined and not released; false: scored
    reason VARCHAR, -- as given by the user; null where none was given
    forgotten_by VARCHAR NOT NULL, -- the user who asked for it
    forgotten_at TIMESTAMPTZ NOT NULL, -- when the row was forgotten
    PRIMARY KEY (source_sha256, row_number)
);
