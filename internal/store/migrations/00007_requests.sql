-- What people ask a server to do about findings, and what became of it.

-- +goose Up
CREATE TABLE requests (
    id       TEXT   NOT NULL PRIMARY KEY,
    asked_at BIGINT NOT NULL,
    state    TEXT   NOT NULL, -- waiting, approved, running, done, refused, failed, rejected
    stack_id TEXT   NOT NULL,
    source   TEXT   NOT NULL,
    findings TEXT   NOT NULL, -- ids of episodes, with a space before and after each
    request  TEXT   NOT NULL, -- all but the patch, as JSON
    patch    TEXT   NOT NULL
);

CREATE INDEX requests_asked ON requests (asked_at, id);
CREATE INDEX requests_stack ON requests (stack_id, state);

-- +goose Down
DROP TABLE requests;
