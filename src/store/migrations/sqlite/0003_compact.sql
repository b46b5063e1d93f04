-- What a pass asks must cost the same however long the history is, and history is written small:
-- ids and texts that repeat are kept once, and their keys stand for them. The views at the end
-- show the rows as they were, for reading and for people.

CREATE TABLE runs (
    id     INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE flows (
    id        INTEGER PRIMARY KEY,
    flow_id   TEXT NOT NULL,
    flow_name TEXT NOT NULL,
    UNIQUE (flow_id, flow_name)
) STRICT;

CREATE TABLE failures (
    id   INTEGER PRIMARY KEY,
    json TEXT NOT NULL UNIQUE
) STRICT;

-- One row per failed run that is or was looked after. The columns from `attempt` to `why` belong
-- to `state`, and exactly those that the state has are filled.
CREATE TABLE recovery (
    root          INTEGER PRIMARY KEY REFERENCES runs (id),
    sandbox       TEXT    NOT NULL,
    flow          INTEGER NOT NULL REFERENCES flows (id),
    failed_at     INTEGER NOT NULL,
    state         TEXT    NOT NULL,
    attempt       INTEGER CHECK (attempt >= 1),
    due           INTEGER,
    asked         TEXT,
    since         INTEGER,
    absences      INTEGER CHECK (absences >= 0),
    issued        TEXT,
    why           TEXT,
    refusals      INTEGER NOT NULL CHECK (refusals >= 0),
    ask_root      INTEGER NOT NULL CHECK (ask_root IN (0, 1)),
    ordered       INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    revision      INTEGER NOT NULL CHECK (revision >= 1),
    updated_at    INTEGER NOT NULL,
    failure       INTEGER NOT NULL REFERENCES failures (id),
    -- The last call was refused because of the state of the run.
    contested     INTEGER NOT NULL CHECK (contested IN (0, 1)),
    -- Waits that do not count for the budget of time, in milliseconds, and since when one lasts.
    excused       INTEGER NOT NULL CHECK (excused >= 0),
    excused_since INTEGER,
    CHECK ((attempt  IS NULL) = (state IN ('recovered', 'given_up', 'dismissed'))),
    CHECK ((due      IS NULL) = (state <> 'waiting')),
    CHECK ((asked    IS NULL) = (state NOT IN ('triggering', 'in_doubt'))),
    CHECK ((since    IS NULL) = (state NOT IN ('triggering', 'in_doubt', 'watching'))),
    CHECK ((absences IS NULL) = (state <> 'in_doubt')),
    CHECK ((issued   IS NULL) = (state <> 'watching')),
    CHECK ((why      IS NULL) = (state NOT IN ('held', 'recovered', 'given_up', 'dismissed')))
) STRICT;

-- The accepted re-triggers of a recovery. `issued_run` is not unique: where the platform sets the
-- same run to work again, it is the run that was asked for.
CREATE TABLE attempt (
    root        INTEGER NOT NULL REFERENCES recovery (root) ON DELETE CASCADE,
    number      INTEGER NOT NULL CHECK (number >= 1),
    asked_run   INTEGER NOT NULL REFERENCES runs (id),
    issued_run  INTEGER NOT NULL REFERENCES runs (id),
    etag        TEXT,
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (root, number)
) STRICT, WITHOUT ROWID;

-- Every decision and every answer, in the order in which they were made; never updated.
-- `root` need not be that of a recovery: an entry may outlive it.
CREATE TABLE entry (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    sandbox      TEXT    NOT NULL,
    flow         INTEGER NOT NULL REFERENCES flows (id),
    run          INTEGER NOT NULL REFERENCES runs (id),
    root         INTEGER REFERENCES runs (id),
    event        TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    attempt      INTEGER,
    max_attempts INTEGER,
    new_run      INTEGER REFERENCES runs (id),
    etag         TEXT,
    due          INTEGER,
    detail       TEXT,
    rule         TEXT,
    failure      INTEGER REFERENCES failures (id)
) STRICT;

INSERT INTO runs (run_id)
SELECT root_run_id FROM recoveries
UNION SELECT asked FROM attempts
UNION SELECT issued FROM attempts
UNION SELECT run_id FROM journal
UNION SELECT root_run_id FROM journal WHERE root_run_id IS NOT NULL
UNION SELECT new_run_id FROM journal WHERE new_run_id IS NOT NULL;

INSERT INTO flows (flow_id, flow_name)
SELECT flow_id, flow_name FROM recoveries UNION SELECT flow_id, flow_name FROM journal;

INSERT INTO failures (json)
SELECT failure FROM recoveries UNION SELECT failure FROM journal WHERE failure IS NOT NULL;

INSERT INTO recovery
SELECT runs.id, sandbox, flows.id, failed_at, state, attempt, due, asked, since, absences, issued,
       why, refusals, ask_root, ordered, revision, updated_at, failures.id, contested, excused,
       excused_since
FROM recoveries
JOIN runs ON runs.run_id = root_run_id
JOIN flows USING (flow_id, flow_name)
JOIN failures ON failures.json = failure;

INSERT INTO attempt
SELECT root.id, number, asked_run.id, issued_run.id, etag, accepted_at
FROM attempts
JOIN runs AS root ON root.run_id = root_run_id
JOIN runs AS asked_run ON asked_run.run_id = asked
JOIN runs AS issued_run ON issued_run.run_id = issued;

INSERT INTO entry
SELECT journal.id, at, sandbox, flows.id, run.id, root.id, event, reason, attempt, max_attempts,
       new_run.id, etag, due, detail, rule, failures.id
FROM journal
JOIN flows USING (flow_id, flow_name)
JOIN runs AS run ON run.run_id = journal.run_id
LEFT JOIN runs AS root ON root.run_id = root_run_id
LEFT JOIN runs AS new_run ON new_run.run_id = new_run_id
LEFT JOIN failures ON failures.json = failure
ORDER BY journal.id;

DROP TABLE attempts;
DROP TABLE journal;
DROP TABLE recoveries;

-- What every pass reads. History grows, these indexes do not.
CREATE INDEX recovery_open ON recovery (sandbox, failed_at)
    WHERE state NOT IN ('recovered', 'given_up', 'dismissed');
CREATE INDEX recovery_waiting ON recovery (sandbox, due) WHERE state = 'waiting';
CREATE INDEX recovery_under_way ON recovery (sandbox, failed_at)
    WHERE state IN ('triggering', 'in_doubt', 'watching');
CREATE INDEX recovery_held ON recovery (sandbox) WHERE state = 'held';
CREATE INDEX recovery_by_change ON recovery (updated_at);

CREATE INDEX attempt_by_issued ON attempt (issued_run);

-- A run has a few entries, so its key alone finds them.
CREATE INDEX entry_by_run ON entry (run);
CREATE INDEX entry_by_root ON entry (root) WHERE root IS NOT NULL;
CREATE INDEX entry_by_new_run ON entry (new_run) WHERE new_run IS NOT NULL;
CREATE INDEX entry_by_time ON entry (at);
CREATE INDEX entry_by_event ON entry (sandbox, event, at);
-- What tells how a re-triggered run ended is among these.
CREATE INDEX entry_outcomes ON entry (sandbox, at)
    WHERE reason = 'issued_run_succeeded' OR failure IS NOT NULL;

-- What nothing refers to any more is looked for with these, and those above.
CREATE INDEX attempt_by_asked ON attempt (asked_run);
CREATE INDEX recovery_by_flow ON recovery (flow);
CREATE INDEX recovery_by_failure ON recovery (failure);
CREATE INDEX entry_by_flow ON entry (flow);
CREATE INDEX entry_by_failure ON entry (failure) WHERE failure IS NOT NULL;

-- Recoveries that ended without success though something was tried, until their dataflow succeeds.
-- The journal keeps it, so that the two cannot disagree.
CREATE TABLE unsuccessful (
    root    INTEGER PRIMARY KEY REFERENCES recovery (root) ON DELETE CASCADE,
    sandbox TEXT    NOT NULL,
    flow_id TEXT    NOT NULL,
    entry   INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE INDEX unsuccessful_by_flow ON unsuccessful (sandbox, flow_id);

INSERT OR REPLACE INTO unsuccessful
SELECT root, sandbox, flow_id, given_up.id, at
FROM entry AS given_up JOIN flows ON flows.id = flow
WHERE event = 'given_up' AND new_run IS NOT NULL
  AND reason IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
  AND root IN (SELECT root FROM recovery)
  AND given_up.id > coalesce((
      SELECT max(later.id) FROM entry AS later JOIN flows AS its ON its.id = later.flow
      WHERE later.sandbox = given_up.sandbox AND its.flow_id = flows.flow_id
        AND later.event IN ('recovered', 'flow_healed')
  ), 0)
ORDER BY given_up.id;

CREATE TRIGGER unsuccessful_ended AFTER INSERT ON entry
WHEN new.event = 'given_up' AND new.new_run IS NOT NULL
 AND new.reason IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
BEGIN
    INSERT OR REPLACE INTO unsuccessful
    SELECT root, new.sandbox, (SELECT flow_id FROM flows WHERE id = new.flow), new.id, new.at
    FROM recovery WHERE root = new.root;
END;

CREATE TRIGGER unsuccessful_healed AFTER INSERT ON entry
WHEN new.event IN ('recovered', 'flow_healed')
BEGIN
    DELETE FROM unsuccessful
    WHERE sandbox = new.sandbox AND flow_id = (SELECT flow_id FROM flows WHERE id = new.flow);
END;

CREATE VIEW recoveries AS
SELECT root, run_id AS root_run_id, sandbox, flow_id, flow_name, failed_at, state, attempt, due,
       asked, since, absences, issued, why, refusals, ask_root, ordered, revision, updated_at,
       failures.json AS failure, contested, excused, excused_since
FROM recovery
JOIN runs ON runs.id = root
JOIN flows ON flows.id = flow
JOIN failures ON failures.id = failure;

CREATE VIEW attempts AS
SELECT root.run_id AS root_run_id, number, asked_run.run_id AS asked, issued_run.run_id AS issued,
       etag, accepted_at
FROM attempt
JOIN runs AS root ON root.id = attempt.root
JOIN runs AS asked_run ON asked_run.id = attempt.asked_run
JOIN runs AS issued_run ON issued_run.id = attempt.issued_run;

CREATE VIEW journal AS
SELECT entry.id, at, sandbox, flow_id, flow_name, run.run_id, root.run_id AS root_run_id, event,
       reason, attempt, max_attempts, new_run.run_id AS new_run_id, etag, due, detail, rule,
       failures.json AS failure
FROM entry
JOIN flows ON flows.id = flow
JOIN runs AS run ON run.id = entry.run
LEFT JOIN runs AS root ON root.id = entry.root
LEFT JOIN runs AS new_run ON new_run.id = entry.new_run
LEFT JOIN failures ON failures.id = entry.failure;
