-- Who gave a batch the list of what it ought to hold, and when: one row for
-- each list that was another than the one before.
CREATE TABLE lists (
    batch    TEXT NOT NULL REFERENCES batches,
    n        INTEGER NOT NULL, -- 1, 2, ...
    at       TEXT NOT NULL,
    operator TEXT NOT NULL,
    entries  INTEGER NOT NULL, -- how many rows it had
    digest   BLOB NOT NULL,
    PRIMARY KEY (batch, n)
) STRICT;
