-- What rules, budgets and breakers need. A failure is JSON, because nobody asks for a part of it:
-- {"errors": [{"code": …, "message": …}], "source": …}.

ALTER TABLE recoveries ADD COLUMN failure TEXT NOT NULL DEFAULT '{"errors":[],"source":null}';
-- The last call was refused because of the state of the run.
ALTER TABLE recoveries ADD COLUMN contested INTEGER NOT NULL DEFAULT 0 CHECK (contested IN (0, 1));
-- Waits that do not count for the budget of time, in milliseconds, and since when one lasts.
ALTER TABLE recoveries ADD COLUMN excused INTEGER NOT NULL DEFAULT 0 CHECK (excused >= 0);
ALTER TABLE recoveries ADD COLUMN excused_since INTEGER;

ALTER TABLE journal ADD COLUMN rule TEXT;
ALTER TABLE journal ADD COLUMN failure TEXT;

CREATE INDEX journal_by_event ON journal (sandbox, event, at);
CREATE INDEX journal_by_flow ON journal (sandbox, flow_id, event);

-- What operators ordered for many dataflows at once; the latest that covers a dataflow is in force.
-- An empty text stands for all.
CREATE TABLE orders (
    sandbox TEXT    NOT NULL,
    flow    TEXT    NOT NULL,
    paused  INTEGER NOT NULL CHECK (paused IN (0, 1)),
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (sandbox, flow)
) STRICT, WITHOUT ROWID;
