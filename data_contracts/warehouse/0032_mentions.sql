-- What reviews say of aspects, in the row of the review: so it is forgotten with it.

ALTER TABLE scored_files ADD COLUMN aspects_version VARCHAR; -- the words and rules by which the mentions of its reviews were found; null where they were not

ALTER TABLE source_reviews ADD COLUMN mentions STRUCT(aspect VARCHAR, polarity VARCHAR, sureness FLOAT, start INTEGER, stop INTEGER)[]; -- what each sentence says of an aspect, as in the view mentions; null until they are looked for
