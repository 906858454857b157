-- A batch is a named row of discs; one at most is open. next is the place that
-- the next disc takes, expected is how many rows its list has, so that none is
-- lost unseen. told is when it was said that its discs may go back.
CREATE TABLE batches (
    name      TEXT PRIMARY KEY,
    opened    TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    closed    TEXT,
    closed_by TEXT,
    next      INTEGER NOT NULL,
    expected  INTEGER NOT NULL,
    told      TEXT,
    digest    BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX batches_open ON batches ((closed IS NULL)) WHERE closed IS NULL;

-- A place is taken when a disc arrives, before it has a record: carrier may not
-- be in the catalog yet. From then on the carrier's events say the same.
CREATE TABLE places (
    batch   TEXT NOT NULL REFERENCES batches,
    place   INTEGER NOT NULL,
    carrier TEXT NOT NULL,
    since   TEXT NOT NULL,
    digest  BLOB NOT NULL,
    PRIMARY KEY (batch, place, carrier)
) STRICT;
CREATE INDEX places_carrier ON places (carrier);

-- The library's list of what a batch ought to hold, in its order.
CREATE TABLE expected (
    batch     TEXT NOT NULL REFERENCES batches,
    n         INTEGER NOT NULL,
    item      TEXT NOT NULL,
    part      INTEGER,
    parts     INTEGER,
    side      TEXT,
    title     TEXT,
    two_sided INTEGER NOT NULL,
    digest    BLOB NOT NULL,
    PRIMARY KEY (batch, n)
) STRICT;
