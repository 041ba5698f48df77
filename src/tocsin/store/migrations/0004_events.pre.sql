-- What tools sent: the inbox that makes a 202 true, its lanes, and the archive of raw events.

CREATE TABLE lane (
    n smallint PRIMARY KEY
) WITH (fillfactor = 50);
INSERT INTO lane SELECT generate_series(0, 63);

CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane smallint NOT NULL,
    integration_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT tocsin_now(),
    body text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX inbox_integration ON inbox (integration_id, id);

-- An event that raised an error: kept, shown, and tried again by hand.
CREATE TABLE parked_event (
    id bigint PRIMARY KEY,
    lane smallint NOT NULL,
    integration_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    received_at timestamptz NOT NULL,
    body text NOT NULL,
    error text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT tocsin_now()
);

CREATE TABLE event (
    id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    integration_id text COLLATE "C" NOT NULL,
    alert_id text COLLATE "C",
    outcome text NOT NULL,
    body text NOT NULL
) PARTITION BY RANGE (received_at);
CREATE TABLE event_default PARTITION OF event DEFAULT;
CREATE INDEX event_alert ON event (alert_id, id);
CREATE INDEX event_integration ON event (integration_id, id);

CREATE TABLE change_event (
    id text COLLATE "C" PRIMARY KEY,
    integration_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    summary text NOT NULL,
    source text,
    body jsonb NOT NULL
);
CREATE INDEX change_event_service ON change_event (service_id, at);
