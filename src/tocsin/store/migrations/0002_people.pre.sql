-- People: users, how they are reached, teams, and what proves who they are.

CREATE TABLE team (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    description text,
    parent_id text COLLATE "C" REFERENCES team,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE UNIQUE INDEX team_name ON team (lower(name));

-- A deleted user stays as a row, so that history keeps its references.
CREATE TABLE app_user (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    time_zone text NOT NULL DEFAULT 'Etc/UTC',
    locale text NOT NULL DEFAULT 'en',
    color text NOT NULL DEFAULT 'purple',
    job_title text,
    description text,
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    deleted_at timestamptz
);
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email)) WHERE deleted_at IS NULL;
CREATE INDEX app_user_name ON app_user (lower(name), id);

CREATE TABLE team_member (
    team_id text COLLATE "C" NOT NULL REFERENCES team ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    role text NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_member_user ON team_member (user_id);

CREATE TABLE contact_method (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    channel text NOT NULL,
    label text NOT NULL,
    address text NOT NULL,
    country_code integer,
    short_email boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true,
    blacklisted boolean NOT NULL DEFAULT false,
    secret_sealed bytea,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    UNIQUE (user_id, channel, address)
);

CREATE TABLE notification_rule (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    contact_method_id text COLLATE "C" NOT NULL REFERENCES contact_method ON DELETE CASCADE,
    urgency text NOT NULL,
    start_delay_s integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    UNIQUE (user_id, contact_method_id, urgency, start_delay_s)
);
CREATE INDEX notification_rule_method ON notification_rule (contact_method_id);

CREATE TABLE session (
    hash bytea PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    csrf_hash bytea NOT NULL,
    agent text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    seen_at timestamptz NOT NULL DEFAULT tocsin_now(),
    valid_until timestamptz NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);

-- Only a hash of a token is kept; `hint` is its last characters, for telling tokens apart in a list.
CREATE TABLE api_token (
    id text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL UNIQUE,
    hint text NOT NULL,
    name text NOT NULL,
    user_id text COLLATE "C" REFERENCES app_user ON DELETE CASCADE,
    read_only boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    used_at timestamptz,
    valid_until timestamptz,
    revoked_at timestamptz
);
