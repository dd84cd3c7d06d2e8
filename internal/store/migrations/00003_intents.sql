-- What somebody has begun to do about a finding, until its outcome is recorded.

-- +goose Up
CREATE TABLE intents (
    stack_id   TEXT NOT NULL,
    finding_id TEXT NOT NULL,
    intent     TEXT NOT NULL, -- all of it, as JSON
    PRIMARY KEY (stack_id, finding_id)
);

-- +goose Down
DROP TABLE intents;
