-- Notices: what a person is told that asks for no answer, and the rules by which people hear of their hand-offs.

CREATE TABLE handoff_rule (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    contact_method_id text COLLATE "C" NOT NULL REFERENCES contact_method ON DELETE CASCADE,
    handoff_type text NOT NULL,
    advance_s integer NOT NULL,
    active_since timestamptz NOT NULL DEFAULT tocsin_now(),
    UNIQUE (user_id, contact_method_id, handoff_type, advance_s)
);
CREATE INDEX handoff_rule_method ON handoff_rule (contact_method_id);

-- One row for each contact method that is told. What was taken back (`withdrawn_at`) may be told anew under its key.
CREATE TABLE notice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL,
    contact_method_id text COLLATE "C" NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    title text NOT NULL,
    words text NOT NULL,
    url_path text NOT NULL,
    about_at timestamptz,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    valid_until timestamptz,
    state text NOT NULL DEFAULT 'pending',
    lease_until timestamptz,
    fence integer NOT NULL DEFAULT 0,
    sends integer NOT NULL DEFAULT 0,
    unknowns smallint NOT NULL DEFAULT 0,
    may_repeat boolean NOT NULL DEFAULT false,
    handed_at timestamptz,
    ended_why text,
    withdrawn_at timestamptz
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX notice_once ON notice (user_id, contact_method_id, key) WHERE withdrawn_at IS NULL;
CREATE INDEX notice_pending ON notice (due_at) WHERE state = 'pending';
CREATE INDEX notice_leased ON notice (lease_until) WHERE state = 'leased';
CREATE INDEX notice_handed ON notice (contact_method_id, handed_at) WHERE handed_at IS NOT NULL;
CREATE INDEX notice_about ON notice (kind, about_at) WHERE about_at IS NOT NULL;
CREATE INDEX notice_age ON notice (created_at);
