-- Labels that people give to reviews after these were scored. A label is not a review: it is scored by no model, and no
-- answer counts it as one.

-- One row per text that somebody labelled or skipped: text_sha256.
CREATE TABLE review_labels (
    text_sha256 VARCHAR PRIMARY KEY, -- of the text's UTF-8 bytes: the label is of every row with this text
    given_label VARCHAR, -- 'positive' or 'negative'; null where only stars were given, or the text was skipped
    given_rating DOUBLE, -- 1 to 10 stars; null where none were given
    is_random BOOLEAN NOT NULL, -- whether the review was drawn at random; of the others none counts in live_accuracy
    labelled_at TIMESTAMPTZ NOT NULL, -- when it was given, or its file last changed
    uri VARCHAR NOT NULL -- as in label_files; the file that it came in
);

-- One row per file of labels that was taken in: uri.
CREATE TABLE label_files (
    uri VARCHAR PRIMARY KEY, -- name in the inbox; the whole URI of an object of a store
    size BIGINT NOT NULL, -- in bytes, when it was taken in; -1 if the next run is to read it again
    mtime_ns BIGINT NOT NULL, -- time of its last change in nanoseconds since 1970
    labels BIGINT NOT NULL, -- texts that it labels
    taken_at TIMESTAMPTZ NOT NULL -- when it was taken in
);
