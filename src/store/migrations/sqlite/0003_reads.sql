-- What a pass asks must cost the same however long the history is.

CREATE INDEX recoveries_waiting ON recoveries (sandbox, due) WHERE state = 'waiting';
CREATE INDEX recoveries_under_way ON recoveries (sandbox, failed_at)
    WHERE state IN ('triggering', 'in_doubt', 'watching');
CREATE INDEX recoveries_held ON recoveries (sandbox, root_run_id) WHERE state = 'held';

-- What tells how a re-triggered run ended is among these.
CREATE INDEX journal_outcomes ON journal (sandbox, at)
    WHERE reason = 'issued_run_succeeded' OR failure IS NOT NULL;
-- A run has a few entries, so its id alone finds them.
DROP INDEX journal_by_run;
CREATE INDEX journal_by_run ON journal (run_id);
DROP INDEX journal_by_flow;
DROP INDEX attempts_by_acceptance;

-- Recoveries that ended without success though something was tried, until their dataflow succeeds.
-- The journal keeps it, so that the two cannot disagree.
CREATE TABLE unsuccessful (
    root_run_id TEXT    NOT NULL PRIMARY KEY REFERENCES recoveries (root_run_id) ON DELETE CASCADE,
    sandbox     TEXT    NOT NULL,
    flow_id     TEXT    NOT NULL,
    entry       INTEGER NOT NULL,
    at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX unsuccessful_by_flow ON unsuccessful (sandbox, flow_id);

INSERT OR REPLACE INTO unsuccessful
SELECT root_run_id, sandbox, flow_id, id, at FROM journal AS given_up
WHERE event = 'given_up' AND new_run_id IS NOT NULL
  AND reason IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
  AND root_run_id IN (SELECT root_run_id FROM recoveries)
  AND id > coalesce((
      SELECT max(id) FROM journal AS later
      WHERE later.sandbox = given_up.sandbox AND later.flow_id = given_up.flow_id
        AND later.event IN ('recovered', 'flow_healed')
  ), 0)
ORDER BY id;

CREATE TRIGGER unsuccessful_ended AFTER INSERT ON journal
WHEN new.event = 'given_up' AND new.new_run_id IS NOT NULL
 AND new.reason IN ('attempts_spent', 'time_spent', 'watch_timeout', 'not_retriggerable')
BEGIN
    INSERT OR REPLACE INTO unsuccessful
    SELECT root_run_id, new.sandbox, new.flow_id, new.id, new.at FROM recoveries
    WHERE root_run_id = new.root_run_id;
END;

CREATE TRIGGER unsuccessful_healed AFTER INSERT ON journal
WHEN new.event IN ('recovered', 'flow_healed')
BEGIN
    DELETE FROM unsuccessful WHERE sandbox = new.sandbox AND flow_id = new.flow_id;
END;
