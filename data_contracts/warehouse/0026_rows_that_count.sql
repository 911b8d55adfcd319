-- Which rows count in ratings and shares: those in English, and others where the profile of their source accepts them.

ALTER TABLE source_reviews ADD COLUMN counts BOOLEAN; -- whether the row counts in ratings and shares; null, which counts too, for rows from before it was kept
