-- The client that `client_named` is about, and since when flowmend has been that client. What an older
-- flowmend learnt names no client, and is learnt again.
ALTER TABLE progress ADD COLUMN client TEXT;
ALTER TABLE progress ADD COLUMN client_since INTEGER CHECK (client_since >= 0);
