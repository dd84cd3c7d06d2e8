-- Who may come in, and what they did. No secret is in here: tokens, sessions and
-- logins are kept as SHA-256 of what their owner has.

-- +goose Up
CREATE TABLE access_tokens (
    id         TEXT   NOT NULL PRIMARY KEY,
    hash       TEXT   NOT NULL UNIQUE,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    sources    TEXT   NOT NULL, -- a JSON array; empty for all
    created_at BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL, -- to the minute; 0 for never
    revoked_at BIGINT NOT NULL, -- 0 while it is not
    revoked_by TEXT   NOT NULL
);

CREATE UNIQUE INDEX access_tokens_name ON access_tokens (name) WHERE revoked_at = 0;

CREATE TABLE access_sessions (
    hash       TEXT   NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    via        TEXT   NOT NULL,
    sources    TEXT   NOT NULL,
    token_id   TEXT   NOT NULL, -- of the token that it was begun with; '' for none
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL, -- to the minute
    expires_at BIGINT NOT NULL
);

CREATE INDEX access_sessions_expires ON access_sessions (expires_at);

-- Logins that are under way at the identity provider.
CREATE TABLE access_logins (
    hash       TEXT   NOT NULL PRIMARY KEY,
    next       TEXT   NOT NULL, -- the page to go to afterwards
    expires_at BIGINT NOT NULL
);

CREATE INDEX access_logins_expires ON access_logins (expires_at);

CREATE TABLE audit_events (
    id         TEXT   NOT NULL PRIMARY KEY, -- in the order of time
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    via        TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    what       TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    remote     TEXT   NOT NULL
);

-- +goose Down
DROP TABLE audit_events;
DROP TABLE access_logins;
DROP TABLE access_sessions;
DROP TABLE access_tokens;
