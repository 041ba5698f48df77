-- Cover: turns that somebody asked a colleague to take, what became of each request, and who is away when.

-- `pieces` are the stretches of the asker's turns that are asked for, each bound to the turn it is part of;
-- `return_pieces` those of the taker that the asker takes in return. History outlives its schedule and its people.
CREATE TABLE cover_request (
    id text COLLATE "C" PRIMARY KEY,
    schedule_id text COLLATE "C" NOT NULL,
    return_schedule_id text COLLATE "C",
    asker_id text COLLATE "C" NOT NULL,
    created_by text COLLATE "C",
    note text,
    pieces jsonb NOT NULL,
    return_pieces jsonb NOT NULL DEFAULT '[]',
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    over_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'open',
    taker_id text COLLATE "C",
    accepted_at timestamptz,
    closed_at timestamptz,
    faults text[] NOT NULL DEFAULT '{}',
    kept_marks text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    CHECK (start_at < end_at)
);
CREATE INDEX cover_request_newest ON cover_request (created_at DESC, id DESC);
CREATE INDEX cover_request_alive ON cover_request (over_at) WHERE state IN ('open', 'accepted', 'conflict');
CREATE INDEX cover_request_asker ON cover_request (asker_id);
CREATE INDEX cover_request_taker ON cover_request (taker_id) WHERE taker_id IS NOT NULL;

CREATE TABLE cover_asked (
    cover_id text COLLATE "C" NOT NULL REFERENCES cover_request ON DELETE CASCADE,
    user_id text COLLATE "C" NOT NULL,
    answer text,
    answered_at timestamptz,
    PRIMARY KEY (cover_id, user_id)
);
CREATE INDEX cover_asked_user ON cover_asked (user_id);

CREATE TABLE absence (
    id text COLLATE "C" PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL REFERENCES app_user ON DELETE CASCADE,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    kind text NOT NULL,
    note text,
    created_by text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT tocsin_now(),
    CHECK (start_at < end_at)
);
CREATE INDEX absence_user ON absence (user_id, end_at);
CREATE INDEX absence_end ON absence (end_at);
