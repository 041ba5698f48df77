-- What can break and whom it calls: escalation policies, services, their integrations, quiet times.

CREATE TABLE priority (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text NOT NULL DEFAULT '',
    color text NOT NULL,
    position integer NOT NULL
);

CREATE TABLE escalation_policy (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    description text,
    repeats smallint NOT NULL DEFAULT 0,
    handoff_notices text NOT NULL DEFAULT 'if_has_services',
    team_id text COLLATE "C" REFERENCES team,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE UNIQUE INDEX escalation_policy_name ON escalation_policy (lower(name));
CREATE INDEX escalation_policy_team ON escalation_policy (team_id);

CREATE TABLE escalation_level (
    id text COLLATE "C" PRIMARY KEY,
    policy_id text COLLATE "C" NOT NULL REFERENCES escalation_policy ON DELETE CASCADE,
    position smallint NOT NULL,
    delay_s integer NOT NULL,
    strategy text NOT NULL DEFAULT 'assign_to_everyone',
    UNIQUE (policy_id, position)
);

CREATE TABLE escalation_target (
    level_id text COLLATE "C" NOT NULL REFERENCES escalation_level ON DELETE CASCADE,
    position smallint NOT NULL,
    kind text NOT NULL,
    target_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (level_id, position)
);
CREATE INDEX escalation_target_target ON escalation_target (target_id);

-- Whose turn it is on a round-robin level: a counter beside the configuration, moved when a page is due.
CREATE TABLE round_robin (
    level_id text COLLATE "C" PRIMARY KEY,
    turn bigint NOT NULL DEFAULT 0
);

CREATE TABLE service (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    description text,
    escalation_policy_id text COLLATE "C" NOT NULL REFERENCES escalation_policy,
    acknowledgement_timeout_s integer,
    auto_resolve_timeout_s integer,
    urgency_rule jsonb NOT NULL,
    support_hours jsonb,
    scheduled_actions jsonb NOT NULL DEFAULT '[]',
    alert_grouping jsonb,
    auto_pause jsonb,
    fallback_user_id text COLLATE "C" REFERENCES app_user,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE UNIQUE INDEX service_name ON service (lower(name));
CREATE INDEX service_policy ON service (escalation_policy_id);

CREATE TABLE integration (
    id text COLLATE "C" PRIMARY KEY,
    service_id text COLLATE "C" NOT NULL REFERENCES service ON DELETE CASCADE,
    name text NOT NULL,
    kind text NOT NULL,
    vendor_id text COLLATE "C",
    routing_key_hash bytea NOT NULL UNIQUE,
    routing_key_sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE INDEX integration_service ON integration (service_id);

CREATE TABLE maintenance_window (
    id text COLLATE "C" PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    description text,
    created_by text COLLATE "C",
    CHECK (start_at < end_at)
);
CREATE INDEX maintenance_window_end ON maintenance_window (end_at);

CREATE TABLE maintenance_window_service (
    window_id text COLLATE "C" NOT NULL REFERENCES maintenance_window ON DELETE CASCADE,
    service_id text COLLATE "C" NOT NULL REFERENCES service ON DELETE CASCADE,
    PRIMARY KEY (window_id, service_id)
);
CREATE INDEX maintenance_window_of_service ON maintenance_window_service (service_id);
