-- Who is on call when: schedules as configured, who is named in them, every version they had, and what was laid over them.

-- `document` holds the layers and the off-hours; overrides and custom shifts are rows of their own, so that writing
-- a schedule anew never touches them.
CREATE TABLE schedule (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    description text,
    kind text NOT NULL,
    time_zone text NOT NULL,
    document jsonb NOT NULL,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE UNIQUE INDEX schedule_name ON schedule (lower(name));

CREATE TABLE schedule_team (
    schedule_id text COLLATE "C" NOT NULL REFERENCES schedule ON DELETE CASCADE,
    team_id text COLLATE "C" NOT NULL REFERENCES team ON DELETE CASCADE,
    PRIMARY KEY (schedule_id, team_id)
);
CREATE INDEX schedule_team_team ON schedule_team (team_id);

-- Who is named in the layers, written with them.
CREATE TABLE schedule_user (
    schedule_id text COLLATE "C" NOT NULL REFERENCES schedule ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (schedule_id, user_id)
);
CREATE INDEX schedule_user_user ON schedule_user (user_id);

-- Versions outlive their schedule: what held at a past instant is asked of them.
CREATE TABLE schedule_version (
    schedule_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    actor jsonb NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    kind text NOT NULL,
    document jsonb NOT NULL,
    PRIMARY KEY (schedule_id, version)
);
CREATE INDEX schedule_version_time ON schedule_version (schedule_id, valid_from);

-- A row holds from `created_at` until `removed_at`. What is changed or cut short ends its row and begins another one
-- with the same id, which keeps the place of the first among the overrides: the youngest wins where several hold.
CREATE TABLE schedule_override (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    schedule_id text COLLATE "C" NOT NULL,
    place bigint,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    user_id text COLLATE "C",
    layer_id text COLLATE "C",
    custom_shift_id text COLLATE "C",
    replaced_user_id text COLLATE "C",
    cover_id text COLLATE "C",
    created_by jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    CHECK (start_at < end_at)
);
CREATE UNIQUE INDEX schedule_override_id ON schedule_override (id) WHERE removed_at IS NULL;
CREATE INDEX schedule_override_present ON schedule_override (schedule_id, end_at) WHERE removed_at IS NULL;
CREATE INDEX schedule_override_user ON schedule_override (user_id) WHERE removed_at IS NULL;
CREATE INDEX schedule_override_time ON schedule_override (schedule_id, created_at);
CREATE INDEX schedule_override_cover ON schedule_override (cover_id) WHERE cover_id IS NOT NULL;

CREATE TABLE custom_shift (
    row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    schedule_id text COLLATE "C" NOT NULL,
    place bigint,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    user_id text COLLATE "C",
    created_by jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    CHECK (start_at < end_at)
);
CREATE UNIQUE INDEX custom_shift_id ON custom_shift (id) WHERE removed_at IS NULL;
CREATE INDEX custom_shift_present ON custom_shift (schedule_id, end_at) WHERE removed_at IS NULL;
CREATE INDEX custom_shift_user ON custom_shift (user_id) WHERE removed_at IS NULL;
CREATE INDEX custom_shift_time ON custom_shift (schedule_id, created_at);
