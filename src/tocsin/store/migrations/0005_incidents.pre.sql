-- What people answer: alerts, incidents, who has them, what happened to them, and what is due next.

CREATE SEQUENCE incident_number;

-- Escalation policies as frozen for incidents; equal plans are one row, named by their content.
CREATE TABLE plan (
    id text COLLATE "C" PRIMARY KEY,
    policy_id text COLLATE "C",
    document jsonb NOT NULL
);

CREATE TABLE incident (
    id text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL UNIQUE DEFAULT nextval('incident_number'),
    service_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    body text,
    incident_key text COLLATE "C",
    status text NOT NULL,
    urgency text NOT NULL,
    priority_id text COLLATE "C",
    plan_id text COLLATE "C" NOT NULL,
    assigned_via text NOT NULL,
    called integer NOT NULL DEFAULT 0,
    round integer NOT NULL DEFAULT 0,
    exhausted boolean NOT NULL DEFAULT false,
    snoozed_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    status_changed_at timestamptz NOT NULL,
    status_changed_by jsonb NOT NULL,
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    merged_into text COLLATE "C",
    alerts_triggered integer NOT NULL DEFAULT 0,
    alerts_total integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX incident_open_key ON incident (service_id, incident_key)
    WHERE incident_key IS NOT NULL AND status <> 'resolved';
CREATE INDEX incident_newest ON incident (created_at DESC, id DESC);
CREATE INDEX incident_open ON incident (created_at DESC, id DESC) WHERE status <> 'resolved';
CREATE INDEX incident_service ON incident (service_id, created_at DESC, id DESC);
CREATE INDEX incident_service_open ON incident (service_id, status) WHERE status <> 'resolved';
CREATE INDEX incident_key_lookup ON incident (incident_key) WHERE incident_key IS NOT NULL;

CREATE TABLE alert (
    id text COLLATE "C" PRIMARY KEY,
    integration_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    incident_id text COLLATE "C",
    dedup_key text COLLATE "C" NOT NULL,
    status text NOT NULL,
    severity text NOT NULL,
    summary text NOT NULL,
    suppressed boolean NOT NULL DEFAULT false,
    suppressed_why text,
    events bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    resolved_at timestamptz,
    body jsonb NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX alert_open ON alert (integration_id, dedup_key) WHERE status = 'triggered';
CREATE INDEX alert_incident ON alert (incident_id, id);
CREATE INDEX alert_service ON alert (service_id, created_at DESC, id DESC);
CREATE INDEX alert_key ON alert (dedup_key);

CREATE TABLE assignment (
    incident_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (incident_id, user_id)
);
CREATE INDEX assignment_user ON assignment (user_id, incident_id);

CREATE TABLE acknowledgement (
    incident_id text COLLATE "C" NOT NULL,
    agent_kind text NOT NULL,
    agent_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (incident_id, agent_kind, agent_id)
);

CREATE TABLE note (
    id text COLLATE "C" PRIMARY KEY,
    incident_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C",
    content text NOT NULL,
    channel jsonb NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX note_incident ON note (incident_id, id);

CREATE TABLE log_entry (
    id text COLLATE "C" PRIMARY KEY,
    incident_id text COLLATE "C" NOT NULL,
    service_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    agent jsonb NOT NULL,
    channel jsonb NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX log_entry_incident ON log_entry (incident_id, id);
CREATE INDEX log_entry_newest ON log_entry (at DESC, id DESC);

-- What is due for an incident. Acknowledging deletes the row in the same transaction.
CREATE TABLE timer (
    incident_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (incident_id, kind)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX timer_due ON timer (due_at);
