-- The ground of the database: the one clock, settings, the stamp of the configuration, nodes and leases.

-- The product's clock: the transaction's instant, moved only by a test's setting of the connection.
CREATE FUNCTION tocsin_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN now() + coalesce(nullif(current_setting('tocsin.clock_shift', true), ''), '0')::interval;

CREATE TABLE setting (
    key text PRIMARY KEY,
    value jsonb NOT NULL
);

-- Every change of configuration adds one, in its own transaction; caches compare and read anew.
CREATE TABLE config_stamp (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    n bigint NOT NULL DEFAULT 0
);
INSERT INTO config_stamp DEFAULT VALUES;

CREATE TABLE node (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    version text NOT NULL,
    duties text[] NOT NULL,
    started_at timestamptz NOT NULL DEFAULT tocsin_now(),
    seen_at timestamptz NOT NULL DEFAULT tocsin_now()
);

-- One holder per task; a write under a lease names the fence it was taken with.
CREATE TABLE lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    fence bigint NOT NULL,
    held_until timestamptz NOT NULL
);

-- Keys that seal secrets, each wrapped by the key that stays outside the database.
CREATE TABLE data_key (
    id text COLLATE "C" PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);

-- Committed facts in order. Readers only go below the oldest running transaction, so none is overtaken.
CREATE TABLE feed (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT tocsin_now(),
    kind text NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX feed_order ON feed (xid, id);
CREATE INDEX feed_age ON feed USING brin (at);

-- Who changed configuration. Rows are chained afterwards, in commit order, so that writing one never waits.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT tocsin_now(),
    actor jsonb NOT NULL,
    method text NOT NULL,
    action text NOT NULL,
    resource_kind text NOT NULL,
    resource_id text COLLATE "C" NOT NULL,
    change jsonb NOT NULL
);
CREATE INDEX audit_resource ON audit (resource_kind, resource_id, id);

CREATE TABLE audit_seal (
    position bigint PRIMARY KEY,
    audit_id bigint NOT NULL UNIQUE,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT tocsin_now()
);
