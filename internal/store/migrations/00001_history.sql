-- One text for SQLite and PostgreSQL: the types are those that both know. Times
-- are Unix milliseconds, 0 for none. JSON is text.

-- +goose Up
CREATE TABLE runs (
    id          TEXT   NOT NULL PRIMARY KEY,
    tool        TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT NOT NULL, -- 0 for one under way, or interrupted
    summary     TEXT   NOT NULL,
    started_by  TEXT   NOT NULL
);

CREATE INDEX runs_started ON runs (started_at, id);

-- The latest result of each stack.
CREATE TABLE stacks (
    id        TEXT   NOT NULL PRIMARY KEY,
    run       TEXT   NOT NULL,
    looked_at BIGINT NOT NULL,
    whole_at  BIGINT NOT NULL, -- of the latest look at all of it
    result    TEXT   NOT NULL  -- '' for one that was only looked at in part
);

CREATE TABLE episodes (
    stack_id   TEXT   NOT NULL,
    finding_id TEXT   NOT NULL,
    number     BIGINT NOT NULL,
    address    TEXT   NOT NULL,
    life       TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    ended      BIGINT NOT NULL, -- 0 while it is there
    episode    TEXT   NOT NULL, -- all of it, as JSON
    PRIMARY KEY (stack_id, finding_id, number)
);

CREATE INDEX episodes_first ON episodes (first_seen, stack_id, finding_id, number);

CREATE TABLE events (
    id         TEXT   NOT NULL PRIMARY KEY, -- in the order of time
    at         BIGINT NOT NULL,
    stack_id   TEXT   NOT NULL,
    finding_id TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    delta      BIGINT NOT NULL, -- by how much the number of open findings changed
    event      TEXT   NOT NULL  -- all of it, as JSON
);

CREATE INDEX events_at ON events (at, delta);

CREATE TABLE baselines (
    stack_id TEXT   NOT NULL PRIMARY KEY,
    at       BIGINT NOT NULL,
    baseline TEXT   NOT NULL -- all of it, as JSON
);

-- +goose Down
DROP TABLE baselines;
DROP TABLE events;
DROP TABLE episodes;
DROP TABLE stacks;
DROP TABLE runs;
