-- What an event changed, as JSON: an event's digest covers it. NULL when
-- nothing, and in events of before.
ALTER TABLE events ADD COLUMN changes TEXT;

-- How far each store has a carrier's events: the highest seq that it holds,
-- with all before it that are in no sealed record.
CREATE TABLE mail (
    carrier TEXT NOT NULL REFERENCES carriers,
    store   TEXT NOT NULL,
    sent    INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    PRIMARY KEY (carrier, store)
) STRICT;
