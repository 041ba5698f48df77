-- Lists of incidents at any depth: by urgency, and by when they were resolved.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX incident_urgency ON incident (urgency, created_at DESC, id DESC);
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX incident_resolved ON incident (resolved_at DESC, created_at DESC, id DESC)
    WHERE resolved_at IS NOT NULL;

-- When a note was last written anew; null while it stands as it was written first.
ALTER TABLE note ADD COLUMN updated_at timestamptz;
