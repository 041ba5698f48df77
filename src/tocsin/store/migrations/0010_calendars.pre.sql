-- Calendars that tell a layer's shifts, with the last copy that could be read, and the feeds that people subscribe to.

-- `body` is the calendar's text as it was last read well; what it told stands in the schedule's layer. `fence` counts
-- how often it was taken up for reading, so that a reader who comes late writes nothing.
CREATE TABLE calendar (
    id text COLLATE "C" PRIMARY KEY,
    schedule_id text COLLATE "C" NOT NULL REFERENCES schedule ON DELETE CASCADE,
    layer_id text COLLATE "C" NOT NULL,
    name text NOT NULL,
    url_sealed bytea,
    host text,
    by_summary jsonb NOT NULL DEFAULT '{}',
    refresh_s integer NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    body text,
    etag text,
    modified text,
    entries integer NOT NULL DEFAULT 0,
    shifts integer NOT NULL DEFAULT 0,
    unmatched jsonb NOT NULL DEFAULT '[]',
    tried_at timestamptz,
    good_at timestamptz,
    read_at timestamptz,
    read_zone text,
    failure text,
    due_at timestamptz NOT NULL,
    fence integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    UNIQUE (schedule_id, layer_id)
);
CREATE INDEX calendar_due ON calendar (due_at);

-- The secret of a feed's address follows from its id and the key file, so it stands nowhere in the database.
CREATE TABLE calendar_feed (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user,
    kind text NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    only_me boolean NOT NULL DEFAULT false,
    gaps boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    fetched_at timestamptz,
    agent text,
    revoked_at timestamptz
);
CREATE INDEX calendar_feed_owner ON calendar_feed (user_id, created_at);

-- What lay over a schedule in a stretch of time, rows that are not known any more among it: feeds and the history ask
-- for it, and nobody waits for these two while schedules are new.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX schedule_override_end ON schedule_override (schedule_id, end_at);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX custom_shift_end ON custom_shift (schedule_id, end_at);
