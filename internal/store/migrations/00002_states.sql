-- What is remembered of each stack's state, so that the next one can be held
-- against it.

-- +goose Up
CREATE TABLE states (
    stack_id TEXT NOT NULL PRIMARY KEY,
    mark     TEXT NOT NULL -- as JSON
);

-- +goose Down
DROP TABLE states;
