-- What a server keeps beside the history: schedules, which stacks a run is to
-- check and how far each is, and which workers live.

-- +goose Up
ALTER TABLE runs ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN cancelled_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN error TEXT NOT NULL DEFAULT ''; -- of the run as a whole
ALTER TABLE runs ADD COLUMN whole BIGINT NOT NULL DEFAULT 0; -- 1 for a round of all stacks of the source

CREATE INDEX runs_of_source ON runs (source, finished_at);

CREATE TABLE run_stacks (
    run         TEXT   NOT NULL,
    stack_id    TEXT   NOT NULL,
    stack       TEXT   NOT NULL, -- how the history names it, as JSON
    source      TEXT   NOT NULL,
    state       TEXT   NOT NULL, -- queued, running, done, failed, cancelled, joined
    outcome     TEXT   NOT NULL, -- the stack's status; '' until it is known
    error       TEXT   NOT NULL,
    worker      TEXT   NOT NULL,
    job         BIGINT NOT NULL, -- of the queue, which does it
    started_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL,
    PRIMARY KEY (run, stack_id)
);

CREATE INDEX run_stacks_state ON run_stacks (run, state);
CREATE INDEX run_stacks_job ON run_stacks (job, state);

CREATE TABLE schedules (
    id       TEXT   NOT NULL PRIMARY KEY,
    source   TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    cron     TEXT   NOT NULL,
    zone     TEXT   NOT NULL,
    spread   BIGINT NOT NULL, -- milliseconds
    paused   BIGINT NOT NULL,
    next_at  BIGINT NOT NULL,
    last_at  BIGINT NOT NULL, -- when it was last due
    last_run TEXT   NOT NULL
);

CREATE TABLE workers (
    name       TEXT   NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    beat_at    BIGINT NOT NULL -- by the clock of the database, as far as it has one
);

-- +goose Down
DROP TABLE workers;
DROP TABLE schedules;
DROP TABLE run_stacks;
DROP INDEX runs_of_source;
ALTER TABLE runs DROP COLUMN whole;
ALTER TABLE runs DROP COLUMN error;
ALTER TABLE runs DROP COLUMN cancelled_at;
ALTER TABLE runs DROP COLUMN actor;
ALTER TABLE runs DROP COLUMN source;
