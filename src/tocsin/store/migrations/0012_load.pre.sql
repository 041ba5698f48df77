-- Fair load: what an hour weighs, what teams pay for it, and which days are holidays for whom.

-- The account's own weights stand in `setting`; a team without a row follows them.
CREATE TABLE load_weights (
    team_id text COLLATE "C" PRIMARY KEY REFERENCES team ON DELETE CASCADE,
    document jsonb NOT NULL
);

CREATE TABLE pay_rules (
    team_id text COLLATE "C" PRIMARY KEY REFERENCES team ON DELETE CASCADE,
    document jsonb NOT NULL
);

-- `text` is the last good copy; `due_at` says when it is read anew. An address may hold a secret, so it is sealed.
CREATE TABLE holiday_calendar (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    country text,
    url_sealed bytea,
    host text,
    text text,
    etag text,
    state text NOT NULL,
    last_error text,
    last_ok_at timestamptz,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT tocsin_now()
);
CREATE UNIQUE INDEX holiday_calendar_name ON holiday_calendar (lower(name));
CREATE INDEX holiday_calendar_due ON holiday_calendar (due_at);

CREATE TABLE holiday (
    calendar_id text COLLATE "C" NOT NULL REFERENCES holiday_calendar ON DELETE CASCADE,
    day date NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (calendar_id, day, name)
);

CREATE TABLE holiday_of_team (
    calendar_id text COLLATE "C" NOT NULL REFERENCES holiday_calendar ON DELETE CASCADE,
    team_id text COLLATE "C" NOT NULL REFERENCES team ON DELETE CASCADE,
    PRIMARY KEY (calendar_id, team_id)
);
CREATE INDEX holiday_of_team_team ON holiday_of_team (team_id);

CREATE TABLE holiday_of_user (
    calendar_id text COLLATE "C" NOT NULL REFERENCES holiday_calendar ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    PRIMARY KEY (calendar_id, user_id)
);
CREATE INDEX holiday_of_user_user ON holiday_of_user (user_id);
