-- Who made a model the champion.
ALTER TABLE promotions ADD COLUMN promoted_by VARCHAR; -- user@machine of the command or run; null if an earlier version promoted
