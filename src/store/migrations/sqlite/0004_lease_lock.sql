-- How long the lease was asked for, in milliseconds. An older flowmend does not write it, so it
-- counts as the longest lease there can be.
ALTER TABLE lease ADD COLUMN ttl INTEGER NOT NULL DEFAULT 3600000 CHECK (ttl >= 0);
-- Which lock of the operating system the holder really holds: the running kernel and the lock file.
ALTER TABLE lease ADD COLUMN lock TEXT;
