-- How bad findings are.

-- +goose Up
ALTER TABLE episodes ADD COLUMN severity TEXT NOT NULL DEFAULT ''; -- '' for what an older version has saved

-- Counting reads no findings; see 00005.
DROP INDEX episodes_first;
DROP INDEX episodes_open;
CREATE INDEX episodes_first ON episodes (first_seen, stack_id, finding_id, number, ended, life, kind, cause, severity, find);
CREATE INDEX episodes_open ON episodes (ended, first_seen, stack_id, finding_id, number, life, kind, cause, severity, find);
-- The worst first, then the oldest.
CREATE INDEX episodes_worst ON episodes (ended, (CASE severity WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END), first_seen, stack_id, finding_id, number);

-- +goose Down
DROP INDEX episodes_worst;
DROP INDEX episodes_open;
DROP INDEX episodes_first;
CREATE INDEX episodes_first ON episodes (first_seen, stack_id, finding_id, number, ended, life, kind, cause, find);
CREATE INDEX episodes_open ON episodes (ended, first_seen, stack_id, finding_id, number, life, kind, cause, find);
ALTER TABLE episodes DROP COLUMN severity;
