-- What lists show and are ordered by, so that none has to read whole results.

-- +goose Up
CREATE TABLE fleet (
    stack_id    TEXT   NOT NULL PRIMARY KEY,
    source      TEXT   NOT NULL, -- of a server; '' for what a command has checked
    path        TEXT   NOT NULL,
    workspace   TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    status      TEXT   NOT NULL, -- of the latest result; '' for none
    open        BIGINT NOT NULL, -- findings
    waived      BIGINT NOT NULL,
    pending     BIGINT NOT NULL,
    errors      BIGINT NOT NULL,
    looked_at   BIGINT NOT NULL,
    decided_at  BIGINT NOT NULL, -- when it was last clean or drifted for certain
    oldest_open BIGINT NOT NULL,
    gone_at     BIGINT NOT NULL, -- since when its source doesn't have it any more
    run         TEXT   NOT NULL
);

CREATE INDEX fleet_source ON fleet (source, gone_at);

-- An order of lists each.
CREATE INDEX fleet_path ON fleet (path, workspace, stack_id);
CREATE INDEX fleet_open ON fleet (open, stack_id);
CREATE INDEX fleet_oldest ON fleet ((CASE WHEN oldest_open = 0 THEN 9000000000000000 ELSE oldest_open END), stack_id);
CREATE INDEX fleet_looked ON fleet (looked_at, stack_id);

ALTER TABLE episodes ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE episodes ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE episodes ADD COLUMN find TEXT NOT NULL DEFAULT ''; -- address and stack, in small letters, not too long for an index

-- All that lists of findings are ordered and chosen by, so that counting reads no
-- findings.
DROP INDEX episodes_first;
CREATE INDEX episodes_first ON episodes (first_seen, stack_id, finding_id, number, ended, life, kind, cause, find);
CREATE INDEX episodes_open ON episodes (ended, first_seen, stack_id, finding_id, number, life, kind, cause, find);
-- Of a history of before, until its lists are filled.
CREATE INDEX episodes_unlisted ON episodes (stack_id) WHERE kind = '';

CREATE INDEX episodes_finding ON episodes (finding_id, number);

ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT '';

CREATE INDEX events_kind ON events (kind, id);
CREATE INDEX events_stack ON events (stack_id, id);

-- +goose Down
DROP INDEX events_stack;
DROP INDEX episodes_finding;
DROP INDEX episodes_unlisted;
DROP INDEX events_kind;
ALTER TABLE events DROP COLUMN kind;
DROP INDEX episodes_open;
DROP INDEX episodes_first;
CREATE INDEX episodes_first ON episodes (first_seen, stack_id, finding_id, number);
ALTER TABLE episodes DROP COLUMN find;
ALTER TABLE episodes DROP COLUMN kind;
ALTER TABLE episodes DROP COLUMN cause;
DROP TABLE fleet;
