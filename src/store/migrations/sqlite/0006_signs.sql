-- The vital signs of the daemon, one row per sandbox. The holder of the lease writes them after each
-- pass. They are for people: nothing is decided by them.
CREATE TABLE signs (
    sandbox         TEXT    NOT NULL PRIMARY KEY,
    owner           TEXT    NOT NULL,
    reported_at     INTEGER NOT NULL,
    -- When the owner released the lease.
    stopped_at      INTEGER,
    pass_ended      INTEGER,
    last_complete   INTEGER,
    next_pass       INTEGER,
    throttled_until INTEGER,
    -- Why the latest passes were incomplete, if they were.
    cause           TEXT,
    since           INTEGER,
    error           TEXT,
    passes          INTEGER,
    CHECK ((cause IS NULL) = (since IS NULL)),
    CHECK ((cause IS NULL) = (error IS NULL)),
    CHECK ((cause IS NULL) = (passes IS NULL))
) STRICT, WITHOUT ROWID;
