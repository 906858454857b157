-- What a person asked to be read anew. The row goes when the reading is
-- recorded, or when the person takes it back; the events stay.
CREATE TABLE retries (
    carrier  TEXT PRIMARY KEY REFERENCES carriers,
    id       TEXT NOT NULL, -- a new one each time it is asked for
    drive    TEXT NOT NULL, -- the drive's key, or its name as it was said; empty for any
    operator TEXT NOT NULL,
    since    TEXT NOT NULL,
    digest   BLOB NOT NULL
) STRICT;

-- The files that people added, each named by one event.
CREATE TABLE added (
    carrier    TEXT NOT NULL REFERENCES carriers,
    sha256     TEXT NOT NULL,
    seq        INTEGER NOT NULL, -- of the event that names it
    size       INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    role       TEXT NOT NULL,
    note       TEXT NOT NULL,
    operator   TEXT NOT NULL,
    at         TEXT NOT NULL,
    digest     BLOB NOT NULL,
    PRIMARY KEY (carrier, sha256)
) STRICT;
