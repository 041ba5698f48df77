-- Native webhooks: what tools sent lately, as it arrived, and the secret that signs their requests.

ALTER TABLE integration ADD COLUMN signing_secret_sealed bytea;

-- The newest few requests of each integration. Secrets are masked before they come here, and `body` is cut: `size`
-- says how long it was. `events` holds what was made of it.
CREATE TABLE integration_request (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id text COLLATE "C" NOT NULL REFERENCES integration ON DELETE CASCADE,
    received_at timestamptz NOT NULL,
    source text NOT NULL,
    method text NOT NULL,
    query jsonb NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    size integer NOT NULL,
    status smallint NOT NULL,
    why text,
    note text,
    events jsonb NOT NULL,
    ignored integer NOT NULL
);
CREATE INDEX integration_request_newest ON integration_request (integration_id, id DESC);
