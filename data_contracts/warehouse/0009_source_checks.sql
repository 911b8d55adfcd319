-- What each source sends, and how it differs from what it sent before.

ALTER TABLE source_reviews ADD COLUMN in_english BOOLEAN; -- whether the text seems to be in English; null before version 8
