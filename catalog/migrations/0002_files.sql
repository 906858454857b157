-- The files of a disc, from its bag's metadata/files.json. A file's row has
-- n = list << 24 | place in the list, from 0, so that a list is one stretch of
-- the table; its digest covers n, and file_lists.rows is the SHA-256 of all
-- row digests of a list in order. So an edited, lost, added or moved row is seen.

CREATE TABLE file_lists (
    n           INTEGER PRIMARY KEY,
    carrier     TEXT NOT NULL,
    version     INTEGER NOT NULL,
    sha256      TEXT NOT NULL, -- of files.json, as sha256sum gives it
    tree_sha256 TEXT,
    volumes     TEXT NOT NULL, -- JSON
    listed      INTEGER NOT NULL, -- rows
    files       INTEGER NOT NULL, -- those of type file
    directories INTEGER NOT NULL,
    bytes       INTEGER NOT NULL, -- of those of type file
    damaged     INTEGER NOT NULL, -- files with bytes that were not read
    rows        BLOB NOT NULL,
    digest      BLOB NOT NULL,
    UNIQUE (carrier, version),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;
CREATE INDEX file_lists_tree ON file_lists (tree_sha256) WHERE tree_sha256 IS NOT NULL;

CREATE TABLE files (
    n        INTEGER PRIMARY KEY,
    volume   INTEGER NOT NULL,
    path     TEXT NOT NULL,
    type     TEXT NOT NULL,
    size     INTEGER NOT NULL,
    modified TEXT,
    sha256   BLOB,
    damaged  INTEGER NOT NULL, -- bytes that were not read
    reason   TEXT,
    digest   BLOB NOT NULL
) STRICT;
CREATE INDEX files_sha256 ON files (sha256) WHERE sha256 IS NOT NULL;

-- The last element of every path, in pieces of three characters; its rowid is
-- files.n. It holds no text of its own.
CREATE VIRTUAL TABLE file_names USING fts5(name, content='', detail=none, tokenize='trigram');
