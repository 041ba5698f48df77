-- Pages: each reason to tell a person once, and each handing of it to a provider.

CREATE TABLE notification (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    contact_method_id text COLLATE "C" NOT NULL,
    rule_id text COLLATE "C" NOT NULL,
    round integer NOT NULL,
    channel text NOT NULL,
    urgency text NOT NULL,
    rank smallint NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending',
    lease_until timestamptz,
    fence integer NOT NULL DEFAULT 0,
    sends integer NOT NULL DEFAULT 0,
    unknowns smallint NOT NULL DEFAULT 0,
    may_repeat boolean NOT NULL DEFAULT false,
    handed_at timestamptz,
    ended_why text,
    bundle_id bigint,
    UNIQUE (incident_id, user_id, contact_method_id, rule_id, round)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX notification_pending ON notification (rank, due_at) WHERE state = 'pending';
CREATE INDEX notification_due ON notification (due_at) WHERE state = 'pending';
CREATE INDEX notification_leased ON notification (lease_until) WHERE state = 'leased';
CREATE INDEX notification_handed ON notification (contact_method_id, handed_at) WHERE handed_at IS NOT NULL;
CREATE INDEX notification_unknown ON notification (created_at) WHERE state = 'unknown';
CREATE INDEX notification_newest ON notification (created_at DESC, id DESC);

CREATE TABLE delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id bigint NOT NULL,
    provider text NOT NULL,
    key text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    receipt text NOT NULL,
    provider_ref text,
    detail text NOT NULL DEFAULT '',
    may_repeat boolean NOT NULL DEFAULT false
);
CREATE INDEX delivery_notification ON delivery (notification_id);
CREATE INDEX delivery_ref ON delivery (provider, provider_ref) WHERE provider_ref IS NOT NULL;
