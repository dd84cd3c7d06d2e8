-- What is to be told, to whom, and how far that is.

-- +goose Up
ALTER TABLE stacks ADD COLUMN standing TEXT NOT NULL DEFAULT ''; -- what is remembered for the next look, as JSON

-- The outbox: written in the transaction of what it tells of.
CREATE TABLE alerts (
    id        TEXT   NOT NULL PRIMARY KEY, -- a fingerprint
    at        BIGINT NOT NULL,
    run       TEXT   NOT NULL,
    stack_id  TEXT   NOT NULL,
    alert     TEXT   NOT NULL, -- all of it, as JSON
    routed_at BIGINT NOT NULL  -- 0: nobody has decided yet who is told
);

CREATE INDEX alerts_routed ON alerts (routed_at, at, id);
CREATE INDEX alerts_run ON alerts (run);

CREATE TABLE messages (
    id            TEXT   NOT NULL PRIMARY KEY,
    channel       TEXT   NOT NULL,
    made_at       BIGINT NOT NULL,
    due_at        BIGINT NOT NULL,
    held          BIGINT NOT NULL, -- 1: until it is due, more may be added
    attempts      BIGINT NOT NULL,
    claimed_until BIGINT NOT NULL, -- somebody is sending it
    sent_at       BIGINT NOT NULL, -- 0: not yet
    dropped_at    BIGINT NOT NULL, -- when it was given up
    error         TEXT   NOT NULL  -- of the last attempt
);

CREATE INDEX messages_open ON messages (sent_at, dropped_at, channel, made_at, id);
CREATE INDEX messages_made ON messages (made_at, id);

CREATE TABLE message_alerts (
    message TEXT NOT NULL,
    alert   TEXT NOT NULL,
    PRIMARY KEY (message, alert)
);

-- +goose Down
DROP TABLE message_alerts;
DROP TABLE messages;
DROP TABLE alerts;
ALTER TABLE stacks DROP COLUMN standing;
