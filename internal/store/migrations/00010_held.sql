-- What each stack has that no other may have, so that checks of stacks one by one can
-- tell what two have in common.

-- +goose Up
CREATE TABLE holders (
    stack_id TEXT   NOT NULL PRIMARY KEY,
    stack    TEXT   NOT NULL, -- how the history names it, as JSON
    place    TEXT   NOT NULL, -- of its state
    lineage  TEXT   NOT NULL,
    digest   TEXT   NOT NULL, -- of all that it has
    seen_at  BIGINT NOT NULL  -- when the last check of it began
);

CREATE TABLE held (
    stack_id TEXT   NOT NULL,
    sum      TEXT   NOT NULL, -- stands for an object, or a state
    kind     BIGINT NOT NULL,
    address  TEXT   NOT NULL,
    since    BIGINT NOT NULL, -- when the first check ended that saw it there
    PRIMARY KEY (stack_id, sum, address)
);

CREATE INDEX held_sum ON held (sum);

-- +goose Down
DROP TABLE held;
DROP TABLE holders;
