-- A model that has learnt from labels of sources is judged on labels that came later.

ALTER TABLE models ADD COLUMN own_labels_until TIMESTAMPTZ; -- labels and ratings that sources gave until then may have been learnt from; null where none were
