-- Every table but those that events are made of ends in a digest of its own
-- row (see table.go). Times are RFC 3339 in UTC with milliseconds. What is not
-- known is NULL.

CREATE TABLE items (
    id      TEXT PRIMARY KEY,
    title   TEXT,
    created TEXT NOT NULL,
    digest  BLOB NOT NULL
) STRICT;

CREATE TABLE carriers (
    id        TEXT PRIMARY KEY,
    item      TEXT REFERENCES items,
    title     TEXT, -- only as long as there is no item to hold it
    part      INTEGER,
    parts     INTEGER,
    side      TEXT,
    condition TEXT,
    access    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    medium    TEXT NOT NULL,
    sessions  INTEGER NOT NULL,
    label     TEXT NOT NULL,
    decision  TEXT NOT NULL,
    events    INTEGER NOT NULL, -- how many there are, so that none is lost unseen
    created   TEXT NOT NULL,
    digest    BLOB NOT NULL,
    CHECK ((part IS NULL) = (parts IS NULL))
) STRICT;
CREATE INDEX carriers_item ON carriers (item);

CREATE TABLE needs (
    carrier TEXT NOT NULL REFERENCES carriers,
    kind    TEXT NOT NULL,
    reason  TEXT NOT NULL,
    since   TEXT NOT NULL,
    settled TEXT,
    digest  BLOB NOT NULL,
    PRIMARY KEY (carrier, kind, reason)
) STRICT;

-- A drive with other firmware, or in another place, is another row.
CREATE TABLE drives (
    id       TEXT PRIMARY KEY,
    key      TEXT NOT NULL,
    by_place INTEGER NOT NULL,
    node     TEXT NOT NULL,
    vendor   TEXT NOT NULL,
    model    TEXT NOT NULL,
    firmware TEXT NOT NULL,
    serial   TEXT NOT NULL,
    digest   BLOB NOT NULL
) STRICT;

CREATE TABLE captures (
    n               INTEGER PRIMARY KEY, -- the order they were recorded in
    id              TEXT NOT NULL UNIQUE,
    carrier         TEXT NOT NULL REFERENCES carriers,
    started         TEXT NOT NULL,
    ended           TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    operator        TEXT NOT NULL,
    drive           TEXT NOT NULL REFERENCES drives,
    insertion       TEXT NOT NULL, -- JSON
    program         TEXT NOT NULL,
    program_version TEXT NOT NULL,
    program_commit  TEXT NOT NULL,
    clock           TEXT NOT NULL,
    settings        TEXT NOT NULL, -- JSON
    disc            TEXT,          -- JSON, where no image's record holds it
    identity        TEXT,          -- JSON, likewise
    digest          BLOB NOT NULL
) STRICT;
CREATE INDEX captures_carrier ON captures (carrier, n);

CREATE TABLE images (
    carrier     TEXT NOT NULL REFERENCES carriers,
    version     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    size        INTEGER NOT NULL,
    sector_size INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    read        INTEGER NOT NULL,
    suspect     INTEGER NOT NULL,
    contested   INTEGER NOT NULL,
    unreadable  INTEGER NOT NULL,
    protected   INTEGER NOT NULL,
    unrecorded  INTEGER NOT NULL,
    skipped     INTEGER NOT NULL,
    untried     INTEGER NOT NULL,
    fill        TEXT NOT NULL,
    sealed_at   TEXT NOT NULL,
    digest      BLOB NOT NULL,
    PRIMARY KEY (carrier, version)
) STRICT;

CREATE TABLE image_captures (
    carrier TEXT NOT NULL,
    version INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    capture TEXT NOT NULL REFERENCES captures (id),
    digest  BLOB NOT NULL,
    PRIMARY KEY (carrier, version, place),
    UNIQUE (capture),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;

CREATE TABLE objects (
    carrier   TEXT NOT NULL,
    version   INTEGER NOT NULL,
    path      TEXT NOT NULL,
    role      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    sha512    TEXT,
    sha256    TEXT,
    sha1      TEXT,
    md5       TEXT,
    crc64nvme TEXT,
    digest    BLOB NOT NULL,
    PRIMARY KEY (carrier, version, path),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;
CREATE INDEX objects_sha256 ON objects (sha256);

CREATE TABLE copies (
    carrier      TEXT NOT NULL,
    version      INTEGER NOT NULL,
    store        TEXT NOT NULL,
    key          TEXT NOT NULL,
    state        TEXT NOT NULL,
    stored_at    TEXT,
    read_back_at TEXT,
    detail       TEXT NOT NULL,
    digest       BLOB NOT NULL,
    PRIMARY KEY (carrier, version, store),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;
CREATE INDEX copies_state ON copies (state);

CREATE TABLE checks (
    capture TEXT NOT NULL REFERENCES captures (id),
    place   INTEGER NOT NULL,
    code    TEXT NOT NULL,
    name    TEXT NOT NULL,
    outcome TEXT NOT NULL,
    message TEXT NOT NULL,
    digest  BLOB NOT NULL,
    PRIMARY KEY (capture, place)
) STRICT;

CREATE TABLE identities (
    carrier TEXT NOT NULL,
    version INTEGER NOT NULL,
    medium  TEXT NOT NULL,
    sectors INTEGER NOT NULL,
    body    TEXT NOT NULL, -- JSON
    digest  BLOB NOT NULL,
    PRIMARY KEY (carrier, version),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;
CREATE INDEX identities_size ON identities (medium, sectors);

-- The bytes of record.json; sha256 is theirs alone, as sha256sum gives it.
CREATE TABLE records (
    carrier TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256  TEXT NOT NULL,
    body    BLOB NOT NULL,
    digest  BLOB NOT NULL,
    PRIMARY KEY (carrier, version),
    FOREIGN KEY (carrier, version) REFERENCES images
) STRICT;

-- An event's digest covers its agents and objects, its carrier and its place
-- among the carrier's events, so that none can be changed, taken out or moved
-- unseen (see events.go).
CREATE TABLE events (
    n       INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    carrier TEXT NOT NULL REFERENCES carriers,
    seq     INTEGER NOT NULL,
    type    TEXT NOT NULL,
    time    TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail  TEXT NOT NULL,
    digest  BLOB NOT NULL,
    UNIQUE (carrier, seq)
) STRICT;

CREATE TABLE agents (
    n    INTEGER PRIMARY KEY,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (role, name)
) STRICT;

CREATE TABLE event_agents (
    event INTEGER NOT NULL REFERENCES events,
    place INTEGER NOT NULL,
    agent INTEGER NOT NULL REFERENCES agents,
    PRIMARY KEY (event, place)
) STRICT;

CREATE TABLE event_objects (
    event  INTEGER NOT NULL REFERENCES events,
    place  INTEGER NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (event, place)
) STRICT;
