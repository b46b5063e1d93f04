-- Whom flowmend notifies, and how far each has been notified. A removed target keeps its row, so that it
-- is not notified twice if it comes back.
CREATE TABLE notify_targets (
    name       TEXT    NOT NULL PRIMARY KEY,
    -- A digest of its URL: another URL lifts the stop of the old one.
    address    TEXT    NOT NULL,
    -- Earlier events are not reported to it.
    since      INTEGER NOT NULL,
    -- The journal has been read for it up to this entry.
    position   INTEGER NOT NULL CHECK (position >= 0),
    -- Reported trouble of the daemon itself, as JSON.
    memory     TEXT    NOT NULL,
    stopped    TEXT,
    stopped_at INTEGER,
    CHECK ((stopped IS NULL) = (stopped_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Messages that are not delivered yet. A message never changes, so that a repetition is the same.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    target     TEXT    NOT NULL REFERENCES notify_targets (name) ON DELETE CASCADE,
    message_id TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    content    TEXT    NOT NULL
) STRICT;

CREATE INDEX outbox_by_target ON outbox (target, id);

-- Dataflows, by id or name, whose events are not reported until a time.
CREATE TABLE notify_mutes (
    flow  TEXT    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
