PRAGMA foreign_keys=OFF;
PRAGMA application_id = 1718381924;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(1,'recoveries','2026-11-28 11:36:24',1,X'f0255a2063819f265cfe8b7e9226155d75461dfacf407e241a04d9a5a165d30ddb34d450eba9f0f446f2af7856b5e3ca',2256970);
INSERT INTO _sqlx_migrations VALUES(2,'policy','2026-11-28 11:36:24',1,X'99dfe4fb367d6ac59a6f5325cdc745516869d63a35d0fc37b1157ca5ed2ebe1dc2d45110242c63c1ed355b1fdb84491f',2396200);
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
    updated_at  INTEGER NOT NULL, failure TEXT NOT NULL DEFAULT '{"errors":[],"source":null}', contested INTEGER NOT NULL DEFAULT 0 CHECK (contested IN (0, 1)), excused INTEGER NOT NULL DEFAULT 0 CHECK (excused >= 0), excused_since INTEGER,
    CHECK ((attempt  IS NULL) = (state IN ('recovered', 'given_up', 'dismissed'))),
    CHECK ((due      IS NULL) = (state <> 'waiting')),
    CHECK ((asked    IS NULL) = (state NOT IN ('triggering', 'in_doubt'))),
    CHECK ((since    IS NULL) = (state NOT IN ('triggering', 'in_doubt', 'watching'))),
    CHECK ((absences IS NULL) = (state <> 'in_doubt')),
    CHECK ((issued   IS NULL) = (state <> 'watching')),
    CHECK ((why      IS NULL) = (state NOT IN ('held', 'recovered', 'given_up', 'dismissed')))
) STRICT;
INSERT INTO recoveries VALUES('00000001-3c1f-4a7e-9b2d-000000000001','prod','flow-1','CRM "accounts" — 1',1799999990000,'waiting',2,1800000060000,NULL,NULL,NULL,NULL,NULL,2,0,1,5,1800000040000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,1800000070000);
INSERT INTO recoveries VALUES('00000002-3c1f-4a7e-9b2d-000000000002','dev','flow-2','CRM "accounts" — 2',1799999990000,'triggering',3,NULL,'asked',1800000060000,NULL,NULL,NULL,2,1,0,8,1800000070000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,NULL);
INSERT INTO recoveries VALUES('AN-ODD-ID-Ü-"''','prod','flow-0','CRM "accounts" — 0',1799999990000,'in_doubt',4,NULL,'asked',1800000005000,1,NULL,NULL,0,0,0,2,1800000010000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}',0,0,NULL);
INSERT INTO recoveries VALUES('00000004-3c1f-4a7e-9b2d-000000000004','dev','flow-1','CRM "accounts" — 1',1799999990000,'watching',5,NULL,NULL,1800000061000,NULL,'issued',NULL,2,1,0,5,1800000040000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,NULL);
INSERT INTO recoveries VALUES('00000005-3c1f-4a7e-9b2d-000000000005','prod','flow-2','CRM "accounts" — 2',1799999990000,'held',6,NULL,NULL,NULL,NULL,NULL,'flow_disabled',2,0,0,8,1800000070000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,1800000070000);
INSERT INTO recoveries VALUES('00000006-3c1f-4a7e-9b2d-000000000006','dev','flow-0','CRM "accounts" — 0',1799999990000,'recovered',NULL,NULL,NULL,NULL,NULL,NULL,'issued_run_succeeded',0,0,0,2,1800000010000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}',0,0,NULL);
INSERT INTO recoveries VALUES('00000007-3c1f-4a7e-9b2d-000000000007','prod','flow-1','CRM "accounts" — 1',1799999990000,'given_up',NULL,NULL,NULL,NULL,NULL,NULL,'attempts_spent',2,0,0,5,1800000040000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,1800000070000);
INSERT INTO recoveries VALUES('00000008-3c1f-4a7e-9b2d-000000000008','dev','flow-2','CRM "accounts" — 2',1799999990000,'dismissed',NULL,NULL,NULL,NULL,NULL,NULL,'the source is gone; it''s ours to mend',2,1,0,8,1800000070000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}',1,1234,NULL);
INSERT INTO recoveries VALUES('late','prod','flow-1','CRM accounts',1799999990000,'given_up',NULL,NULL,NULL,NULL,NULL,NULL,'time_spent',0,0,0,4,1800000030000,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}',0,0,NULL);
CREATE TABLE attempts (
    root_run_id TEXT    NOT NULL REFERENCES recoveries (root_run_id) ON DELETE CASCADE,
    number      INTEGER NOT NULL CHECK (number >= 1),
    asked       TEXT    NOT NULL,
    issued      TEXT    NOT NULL,
    etag        TEXT,
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (root_run_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO attempts VALUES('00000001-3c1f-4a7e-9b2d-000000000001',1,'00000001-3c1f-4a7e-9b2d-000000000001','00000065-3c1f-4a7e-9b2d-000000000065','"etag of 00000065-3c1f-4a7e-9b2d-000000000065"',1800000020000);
INSERT INTO attempts VALUES('00000002-3c1f-4a7e-9b2d-000000000002',1,'00000002-3c1f-4a7e-9b2d-000000000002','000000c9-3c1f-4a7e-9b2d-0000000000c9','"etag of 000000c9-3c1f-4a7e-9b2d-0000000000c9"',1800000020000);
INSERT INTO attempts VALUES('00000002-3c1f-4a7e-9b2d-000000000002',2,'000000c9-3c1f-4a7e-9b2d-0000000000c9','000000ca-3c1f-4a7e-9b2d-0000000000ca','"etag of 000000ca-3c1f-4a7e-9b2d-0000000000ca"',1800000050000);
INSERT INTO attempts VALUES('00000004-3c1f-4a7e-9b2d-000000000004',1,'00000004-3c1f-4a7e-9b2d-000000000004','00000191-3c1f-4a7e-9b2d-000000000191','"etag of 00000191-3c1f-4a7e-9b2d-000000000191"',1800000020000);
INSERT INTO attempts VALUES('00000005-3c1f-4a7e-9b2d-000000000005',1,'00000005-3c1f-4a7e-9b2d-000000000005','000001f5-3c1f-4a7e-9b2d-0000000001f5',NULL,1800000020000);
INSERT INTO attempts VALUES('00000005-3c1f-4a7e-9b2d-000000000005',2,'000001f5-3c1f-4a7e-9b2d-0000000001f5','000001f6-3c1f-4a7e-9b2d-0000000001f6',NULL,1800000050000);
INSERT INTO attempts VALUES('00000007-3c1f-4a7e-9b2d-000000000007',1,'00000007-3c1f-4a7e-9b2d-000000000007','000002bd-3c1f-4a7e-9b2d-0000000002bd','"etag of 000002bd-3c1f-4a7e-9b2d-0000000002bd"',1800000020000);
INSERT INTO attempts VALUES('00000008-3c1f-4a7e-9b2d-000000000008',1,'00000008-3c1f-4a7e-9b2d-000000000008','00000321-3c1f-4a7e-9b2d-000000000321','"etag of 00000321-3c1f-4a7e-9b2d-000000000321"',1800000020000);
INSERT INTO attempts VALUES('00000008-3c1f-4a7e-9b2d-000000000008',2,'00000321-3c1f-4a7e-9b2d-000000000321','00000322-3c1f-4a7e-9b2d-000000000322','"etag of 00000322-3c1f-4a7e-9b2d-000000000322"',1800000050000);
INSERT INTO attempts VALUES('late',1,'late','issued late','"etag of issued late"',1800000020000);
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
, rule TEXT, failure TEXT) STRICT;
INSERT INTO journal VALUES(1,1800000000000,'prod','flow-1','CRM "accounts" — 1','00000001-3c1f-4a7e-9b2d-000000000001','00000001-3c1f-4a7e-9b2d-000000000001','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(2,1800000010000,'prod','flow-1','CRM "accounts" — 1','00000001-3c1f-4a7e-9b2d-000000000001','00000001-3c1f-4a7e-9b2d-000000000001','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(3,1800000020000,'prod','flow-1','CRM "accounts" — 1','00000065-3c1f-4a7e-9b2d-000000000065','00000001-3c1f-4a7e-9b2d-000000000001','retriggered','accepted',1,5,'00000065-3c1f-4a7e-9b2d-000000000065','"etag of 00000065-3c1f-4a7e-9b2d-000000000065"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(4,1800000030000,'prod','flow-1','CRM "accounts" — 1','00000065-3c1f-4a7e-9b2d-000000000065','00000001-3c1f-4a7e-9b2d-000000000001','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(5,1800000040000,'prod','flow-1','CRM "accounts" — 1','00000065-3c1f-4a7e-9b2d-000000000065','00000001-3c1f-4a7e-9b2d-000000000001','begun','due',2,5,'00000065-3c1f-4a7e-9b2d-000000000065',NULL,1800000060000,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(6,1800000000000,'dev','flow-2','CRM "accounts" — 2','00000002-3c1f-4a7e-9b2d-000000000002','00000002-3c1f-4a7e-9b2d-000000000002','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(7,1800000010000,'dev','flow-2','CRM "accounts" — 2','00000002-3c1f-4a7e-9b2d-000000000002','00000002-3c1f-4a7e-9b2d-000000000002','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(8,1800000020000,'dev','flow-2','CRM "accounts" — 2','000000c9-3c1f-4a7e-9b2d-0000000000c9','00000002-3c1f-4a7e-9b2d-000000000002','retriggered','accepted',1,5,'000000c9-3c1f-4a7e-9b2d-0000000000c9','"etag of 000000c9-3c1f-4a7e-9b2d-0000000000c9"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(9,1800000030000,'dev','flow-2','CRM "accounts" — 2','000000c9-3c1f-4a7e-9b2d-0000000000c9','00000002-3c1f-4a7e-9b2d-000000000002','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(10,1800000040000,'dev','flow-2','CRM "accounts" — 2','000000c9-3c1f-4a7e-9b2d-0000000000c9','00000002-3c1f-4a7e-9b2d-000000000002','begun','due',2,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(11,1800000050000,'dev','flow-2','CRM "accounts" — 2','000000ca-3c1f-4a7e-9b2d-0000000000ca','00000002-3c1f-4a7e-9b2d-000000000002','retriggered','accepted',2,5,'000000ca-3c1f-4a7e-9b2d-0000000000ca','"etag of 000000ca-3c1f-4a7e-9b2d-0000000000ca"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(12,1800000060000,'dev','flow-2','CRM "accounts" — 2','000000ca-3c1f-4a7e-9b2d-0000000000ca','00000002-3c1f-4a7e-9b2d-000000000002','scheduled','run_failed',3,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(13,1800000070000,'dev','flow-2','CRM "accounts" — 2','000000ca-3c1f-4a7e-9b2d-0000000000ca','00000002-3c1f-4a7e-9b2d-000000000002','begun','due',3,5,'000000ca-3c1f-4a7e-9b2d-0000000000ca',NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(14,1800000000000,'prod','flow-0','CRM "accounts" — 0','AN-ODD-ID-Ü-"''','AN-ODD-ID-Ü-"''','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(15,1800000010000,'prod','flow-0','CRM "accounts" — 0','AN-ODD-ID-Ü-"''','AN-ODD-ID-Ü-"''','in_doubt','due',4,5,NULL,NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(16,1800000000000,'dev','flow-1','CRM "accounts" — 1','00000004-3c1f-4a7e-9b2d-000000000004','00000004-3c1f-4a7e-9b2d-000000000004','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(17,1800000010000,'dev','flow-1','CRM "accounts" — 1','00000004-3c1f-4a7e-9b2d-000000000004','00000004-3c1f-4a7e-9b2d-000000000004','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(18,1800000020000,'dev','flow-1','CRM "accounts" — 1','00000191-3c1f-4a7e-9b2d-000000000191','00000004-3c1f-4a7e-9b2d-000000000004','retriggered','accepted',1,5,'00000191-3c1f-4a7e-9b2d-000000000191','"etag of 00000191-3c1f-4a7e-9b2d-000000000191"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(19,1800000030000,'dev','flow-1','CRM "accounts" — 1','00000191-3c1f-4a7e-9b2d-000000000191','00000004-3c1f-4a7e-9b2d-000000000004','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(20,1800000040000,'dev','flow-1','CRM "accounts" — 1','00000191-3c1f-4a7e-9b2d-000000000191','00000004-3c1f-4a7e-9b2d-000000000004','followed','due',5,5,'00000191-3c1f-4a7e-9b2d-000000000191',NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(21,1800000000000,'prod','flow-2','CRM "accounts" — 2','00000005-3c1f-4a7e-9b2d-000000000005','00000005-3c1f-4a7e-9b2d-000000000005','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(22,1800000010000,'prod','flow-2','CRM "accounts" — 2','00000005-3c1f-4a7e-9b2d-000000000005','00000005-3c1f-4a7e-9b2d-000000000005','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(23,1800000020000,'prod','flow-2','CRM "accounts" — 2','000001f5-3c1f-4a7e-9b2d-0000000001f5','00000005-3c1f-4a7e-9b2d-000000000005','retriggered','accepted',1,5,'000001f5-3c1f-4a7e-9b2d-0000000001f5','"etag of 000001f5-3c1f-4a7e-9b2d-0000000001f5"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(24,1800000030000,'prod','flow-2','CRM "accounts" — 2','000001f5-3c1f-4a7e-9b2d-0000000001f5','00000005-3c1f-4a7e-9b2d-000000000005','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(25,1800000040000,'prod','flow-2','CRM "accounts" — 2','000001f5-3c1f-4a7e-9b2d-0000000001f5','00000005-3c1f-4a7e-9b2d-000000000005','begun','due',2,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(26,1800000050000,'prod','flow-2','CRM "accounts" — 2','000001f6-3c1f-4a7e-9b2d-0000000001f6','00000005-3c1f-4a7e-9b2d-000000000005','retriggered','accepted',2,5,'000001f6-3c1f-4a7e-9b2d-0000000001f6','"etag of 000001f6-3c1f-4a7e-9b2d-0000000001f6"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(27,1800000060000,'prod','flow-2','CRM "accounts" — 2','000001f6-3c1f-4a7e-9b2d-0000000001f6','00000005-3c1f-4a7e-9b2d-000000000005','scheduled','run_failed',3,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(28,1800000070000,'prod','flow-2','CRM "accounts" — 2','000001f6-3c1f-4a7e-9b2d-0000000001f6','00000005-3c1f-4a7e-9b2d-000000000005','held','flow_disabled',6,5,'000001f6-3c1f-4a7e-9b2d-0000000001f6',NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(29,1800000000000,'dev','flow-0','CRM "accounts" — 0','00000006-3c1f-4a7e-9b2d-000000000006','00000006-3c1f-4a7e-9b2d-000000000006','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(30,1800000010000,'dev','flow-0','CRM "accounts" — 0','00000006-3c1f-4a7e-9b2d-000000000006','00000006-3c1f-4a7e-9b2d-000000000006','recovered','issued_run_succeeded',1,5,NULL,NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(31,1800000000000,'prod','flow-1','CRM "accounts" — 1','00000007-3c1f-4a7e-9b2d-000000000007','00000007-3c1f-4a7e-9b2d-000000000007','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(32,1800000010000,'prod','flow-1','CRM "accounts" — 1','00000007-3c1f-4a7e-9b2d-000000000007','00000007-3c1f-4a7e-9b2d-000000000007','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(33,1800000020000,'prod','flow-1','CRM "accounts" — 1','000002bd-3c1f-4a7e-9b2d-0000000002bd','00000007-3c1f-4a7e-9b2d-000000000007','retriggered','accepted',1,5,'000002bd-3c1f-4a7e-9b2d-0000000002bd','"etag of 000002bd-3c1f-4a7e-9b2d-0000000002bd"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(34,1800000030000,'prod','flow-1','CRM "accounts" — 1','000002bd-3c1f-4a7e-9b2d-0000000002bd','00000007-3c1f-4a7e-9b2d-000000000007','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(35,1800000040000,'prod','flow-1','CRM "accounts" — 1','000002bd-3c1f-4a7e-9b2d-0000000002bd','00000007-3c1f-4a7e-9b2d-000000000007','given_up','attempts_spent',1,5,'000002bd-3c1f-4a7e-9b2d-0000000002bd',NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(36,1800000000000,'dev','flow-2','CRM "accounts" — 2','00000008-3c1f-4a7e-9b2d-000000000008','00000008-3c1f-4a7e-9b2d-000000000008','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,'a rule','{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"},{"code":"1006-408","message":"\"1006-408\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(37,1800000010000,'dev','flow-2','CRM "accounts" — 2','00000008-3c1f-4a7e-9b2d-000000000008','00000008-3c1f-4a7e-9b2d-000000000008','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(38,1800000020000,'dev','flow-2','CRM "accounts" — 2','00000321-3c1f-4a7e-9b2d-000000000321','00000008-3c1f-4a7e-9b2d-000000000008','retriggered','accepted',1,5,'00000321-3c1f-4a7e-9b2d-000000000321','"etag of 00000321-3c1f-4a7e-9b2d-000000000321"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(39,1800000030000,'dev','flow-2','CRM "accounts" — 2','00000321-3c1f-4a7e-9b2d-000000000321','00000008-3c1f-4a7e-9b2d-000000000008','scheduled','run_failed',2,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(40,1800000040000,'dev','flow-2','CRM "accounts" — 2','00000321-3c1f-4a7e-9b2d-000000000321','00000008-3c1f-4a7e-9b2d-000000000008','begun','due',2,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(41,1800000050000,'dev','flow-2','CRM "accounts" — 2','00000322-3c1f-4a7e-9b2d-000000000322','00000008-3c1f-4a7e-9b2d-000000000008','retriggered','accepted',2,5,'00000322-3c1f-4a7e-9b2d-000000000322','"etag of 00000322-3c1f-4a7e-9b2d-000000000322"',NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(42,1800000060000,'dev','flow-2','CRM "accounts" — 2','00000322-3c1f-4a7e-9b2d-000000000322','00000008-3c1f-4a7e-9b2d-000000000008','scheduled','run_failed',3,5,NULL,NULL,1800000060000,NULL,NULL,'{"errors":[{"code":"CONNECTOR-1001-500","message":"\"CONNECTOR-1001-500\", it''s said"}],"source":"spec"}');
INSERT INTO journal VALUES(43,1800000070000,'dev','flow-2','CRM "accounts" — 2','00000322-3c1f-4a7e-9b2d-000000000322','00000008-3c1f-4a7e-9b2d-000000000008','dismissed','due',2,5,'00000322-3c1f-4a7e-9b2d-000000000322',NULL,NULL,'as told: "no"',NULL,NULL);
INSERT INTO journal VALUES(44,1800000000000,'prod','flow-1','CRM accounts','late','late','scheduled','run_failed',1,5,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(45,1800000010000,'prod','flow-1','CRM accounts','late','late','begun','due',1,5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(46,1800000020000,'prod','flow-1','CRM accounts','issued late','late','retriggered','accepted',1,5,'issued late',NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(47,1800000030000,'prod','flow-1','CRM accounts','issued late','late','given_up','time_spent',1,5,'issued late',NULL,NULL,NULL,NULL,NULL);
INSERT INTO journal VALUES(48,1800000000000,'prod','flow-1','CRM accounts','Skipped 0',NULL,'skipped','run_failed',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(49,1800000000000,'prod','flow-1','CRM accounts','Postponed 1',NULL,'postponed','issued_run_failed',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(50,1800000000000,'prod','flow-1','CRM accounts','Scheduled 2',NULL,'scheduled','empty_success',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(51,1800000000000,'prod','flow-1','CRM accounts','Begun 3',NULL,'begun','cause_gone',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(52,1800000000000,'prod','flow-1','CRM accounts','Retriggered 4',NULL,'retriggered','due',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(53,1800000000000,'prod','flow-1','CRM accounts','Followed 5',NULL,'followed','accepted',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(54,1800000000000,'prod','flow-1','CRM accounts','Refused 6',NULL,'refused','rate_limited',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(55,1800000000000,'prod','flow-1','CRM accounts','InDoubt 7',NULL,'in_doubt','flow_busy',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(56,1800000000000,'prod','flow-1','CRM accounts','Unlisted 8',NULL,'unlisted','not_reread',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(57,1800000000000,'prod','flow-0','CRM accounts','Recovered 9',NULL,'recovered','quiet',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(58,1800000000000,'prod','flow-1','CRM accounts','Held 10',NULL,'held','outage',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(59,1800000000000,'prod','flow-1','CRM accounts','GivenUp 11',NULL,'given_up','throttled',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(60,1800000000000,'prod','flow-1','CRM accounts','Dismissed 12',NULL,'dismissed','unauthorized',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(61,1800000000000,'prod','flow-1','CRM accounts','FlowWarned 13',NULL,'flow_warned','unreachable',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(62,1800000000000,'prod','flow-1','CRM accounts','FlowHeld 14',NULL,'flow_held','not_sent',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(63,1800000000000,'prod','flow-0','CRM accounts','FlowHealed 15',NULL,'flow_healed','unavailable',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(64,1800000000000,'prod','flow-1','CRM accounts','OutageBegan 16',NULL,'outage_began','state_conflict',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
INSERT INTO journal VALUES(65,1800000000000,'prod','flow-1','CRM accounts','OutageEnded 17',NULL,'outage_ended','version_mismatch',NULL,NULL,NULL,NULL,1800000060000,NULL,NULL,NULL);
CREATE TABLE progress (
    sandbox      TEXT    NOT NULL PRIMARY KEY,
    watermark    INTEGER NOT NULL,
    swept_at     INTEGER NOT NULL,
    client_named INTEGER CHECK (client_named IN (0, 1))
) STRICT, WITHOUT ROWID;
INSERT INTO progress VALUES('dev',1800000005000,1800000003000,1);
INSERT INTO progress VALUES('prod',1800000005000,1800000003000,NULL);
CREATE TABLE lease (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO lease VALUES(1,'the daemon',1800000060000);
CREATE TABLE orders (
    sandbox TEXT    NOT NULL,
    flow    TEXT    NOT NULL,
    paused  INTEGER NOT NULL CHECK (paused IN (0, 1)),
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (sandbox, flow)
) STRICT, WITHOUT ROWID;
INSERT INTO orders VALUES('','',0,1800000070001,'it''s "down"');
INSERT INTO orders VALUES('','flow-1',1,1800000070003,'it''s "down"');
INSERT INTO orders VALUES('prod','',0,1800000070002,'it''s "down"');
INSERT INTO orders VALUES('prod','flow-1',1,1800000070004,'it''s "down"');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('journal',65);
CREATE INDEX recoveries_open ON recoveries (sandbox, failed_at)
    WHERE state NOT IN ('recovered', 'given_up', 'dismissed');
CREATE INDEX recoveries_by_change ON recoveries (updated_at);
CREATE INDEX attempts_by_issued ON attempts (issued);
CREATE INDEX attempts_by_acceptance ON attempts (accepted_at);
CREATE INDEX journal_by_run ON journal (run_id, event, reason);
CREATE INDEX journal_by_root ON journal (root_run_id) WHERE root_run_id IS NOT NULL;
CREATE INDEX journal_by_new_run ON journal (new_run_id) WHERE new_run_id IS NOT NULL;
CREATE INDEX journal_by_time ON journal (at);
CREATE INDEX journal_by_event ON journal (sandbox, event, at);
CREATE INDEX journal_by_flow ON journal (sandbox, flow_id, event);
COMMIT;
