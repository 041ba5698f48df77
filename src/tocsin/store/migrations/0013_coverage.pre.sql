-- Coverage: messages that did not arrive, found by the contact method that they were meant for.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX notification_unarrived ON notification (contact_method_id, created_at)
    WHERE state IN ('failed', 'unknown');

-- Of which faults people were told, so that nobody hears of the same one each hour.
CREATE TABLE coverage_told (
    key text COLLATE "C" PRIMARY KEY,
    told_at timestamptz NOT NULL
);
