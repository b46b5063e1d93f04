-- The first schema. All instants are milliseconds since 1970 in UTC. The words for states, events
-- and reasons are those of the log; only shapes are checked here, so that a newer word needs no
-- new schema.

-- "flmd": tells a flowmend store from any other SQLite file before anything is touched.
PRAGMA application_id = 1718381924;

-- One row per failed run that is or was looked after. The columns from `attempt` to `why` belong
-- to `state`, and exactly those that the state has are filled.
CREATE TABLE recoveries (
    root_run_id TEXT    NOT NULL PRIMARY KEY,
    sandbox     TEXT    NOT NULL,
    flow_id     TEXT    NOT NULL,
    flow_name   TEXT    NOT NULL,
    failed_at   INTEGER NOT NULL,
    state       TEXT    NOT NULL,
    attempt     INTEGER CHECK (attempt >= 1),
    due         INTEGER,
    asked       TEXT,
    since       INTEGER,
    absences    INTEGER CHECK (absences >= 0),
    issued      TEXT,
    why         TEXT,
    refusals    INTEGER NOT NULL CHECK (refusals >= 0),
    ask_root    INTEGER NOT NULL CHECK (ask_root IN (0, 1)),
    ordered     INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    revision    INTEGER NOT NULL CHECK (revision >= 1),
    updated_at  INTEGER NOT NULL,
    CHECK ((attempt  IS NULL) = (state IN ('recovered', 'given_up', 'dismissed'))),
    CHECK ((due      IS NULL) = (state <> 'waiting')),
    CHECK ((asked    IS NULL) = (state NOT IN ('triggering', 'in_doubt'))),
    CHECK ((since    IS NULL) = (state NOT IN ('triggering', 'in_doubt', 'watching'))),
    CHECK ((absences IS NULL) = (state <> 'in_doubt')),
    CHECK ((issued   IS NULL) = (state <> 'watching')),
    CHECK ((why      IS NULL) = (state NOT IN ('held', 'recovered', 'given_up', 'dismissed')))
) STRICT;

-- What every pass reads. History grows, this index does not.
CREATE INDEX recoveries_open ON recoveries (sandbox, failed_at)
    WHERE state NOT IN ('recovered', 'given_up', 'dismissed');
CREATE INDEX recoveries_by_change ON recoveries (updated_at);

-- The accepted re-triggers of a recovery. `issued` is not unique: where the platform sets the same
-- run to work again, it is the run that was asked for.
CREATE TABLE attempts (
    root_run_id TEXT    NOT NULL REFERENCES recoveries (root_run_id) ON DELETE CASCADE,
    number      INTEGER NOT NULL CHECK (number >= 1),
    asked       TEXT    NOT NULL,
    issued      TEXT    NOT NULL,
    etag        TEXT,
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (root_run_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_issued ON attempts (issued);
CREATE INDEX attempts_by_acceptance ON attempts (accepted_at);

-- Every decision and every answer, in the order in which they were made; never updated.
-- `root_run_id` is no foreign key: an entry may outlive its recovery.
CREATE TABLE journal (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    sandbox      TEXT    NOT NULL,
    flow_id      TEXT    NOT NULL,
    flow_name    TEXT    NOT NULL,
    run_id       TEXT    NOT NULL,
    root_run_id  TEXT,
    event        TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    attempt      INTEGER,
    max_attempts INTEGER,
    new_run_id   TEXT,
    etag         TEXT,
    due          INTEGER,
    detail       TEXT
) STRICT;

-- Also answers whether a note is already there: same run, event and reason.
CREATE INDEX journal_by_run ON journal (run_id, event, reason);
CREATE INDEX journal_by_root ON journal (root_run_id) WHERE root_run_id IS NOT NULL;
CREATE INDEX journal_by_new_run ON journal (new_run_id) WHERE new_run_id IS NOT NULL;
CREATE INDEX journal_by_time ON journal (at);

-- How far the runs of each sandbox have been read.
CREATE TABLE progress (
    sandbox      TEXT    NOT NULL PRIMARY KEY,
    watermark    INTEGER NOT NULL,
    swept_at     INTEGER NOT NULL,
    client_named INTEGER CHECK (client_named IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Who may act on this store; one row at most.
CREATE TABLE lease (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
