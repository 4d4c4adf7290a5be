-- The summary that stands for a turn. It holds the turn's words, so it goes when the turn goes.
ALTER TABLE turns ADD COLUMN summary TEXT REFERENCES entries (id) ON DELETE SET NULL;

CREATE INDEX turns_of_summary ON turns (summary);

-- Turns that were forgotten, so that one that comes again from a journal stays forgotten. Names
-- and times alone, no words.
CREATE TABLE forgotten (
    turn TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
