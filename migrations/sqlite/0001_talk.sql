-- Who is remembered.
CREATE TABLE people (
    person TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    time_zone TEXT,
    -- Whether what was said in private may be spoken of before others: aloud, quiet.
    private TEXT NOT NULL DEFAULT 'quiet',
    -- Whether what they say is remembered: on, off.
    record TEXT NOT NULL DEFAULT 'on',
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);

-- Finished turns. Times are milliseconds since 1970.
CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (person) ON DELETE CASCADE,
    name TEXT NOT NULL,
    place TEXT NOT NULL,
    at BIGINT NOT NULL,
    said TEXT NOT NULL,
    heard TEXT NOT NULL,
    audience TEXT NOT NULL,
    -- What was made of it: new, read, summed.
    state TEXT NOT NULL DEFAULT 'new'
);

CREATE INDEX turns_of_person ON turns (person, at);
CREATE INDEX turns_of_place ON turns (place, at);
CREATE INDEX turns_by_state ON turns (state, at);

-- Who else heard a turn.
CREATE TABLE witnesses (
    turn TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    PRIMARY KEY (turn, person)
);

CREATE INDEX witnesses_by_person ON witnesses (person);

-- What can be recalled.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    person TEXT NOT NULL REFERENCES people (person) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    -- The words that it is found by, each with the beginning of its person before it, so that
    -- other people's entries cost a search nothing.
    terms TEXT NOT NULL,
    at BIGINT NOT NULL,
    audience TEXT NOT NULL,
    turn TEXT REFERENCES turns (id) ON DELETE CASCADE,
    slot TEXT,
    importance BIGINT NOT NULL,
    due BIGINT,
    -- What `due` names: day, moment.
    due_names TEXT NOT NULL DEFAULT 'moment',
    ended BIGINT,
    told BIGINT
);

CREATE INDEX entries_of_person ON entries (person, kind, at);
CREATE INDEX entries_of_turn ON entries (turn);
CREATE INDEX entries_due ON entries (kind, due) WHERE due IS NOT NULL;

CREATE VIRTUAL TABLE words USING fts5 (
    terms,
    content = 'entries',
    content_rowid = 'number',
    tokenize = "ascii tokenchars ':'"
);

-- What is forgotten is overwritten, not only marked.
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER words_of_new_entries AFTER INSERT ON entries BEGIN
    INSERT INTO words (rowid, terms) VALUES (new.number, new.terms);
END;

CREATE TRIGGER words_of_old_entries AFTER DELETE ON entries BEGIN
    INSERT INTO words (words, rowid, terms) VALUES ('delete', old.number, old.terms);
END;

CREATE TRIGGER words_of_changed_entries AFTER UPDATE OF terms ON entries BEGIN
    INSERT INTO words (words, rowid, terms) VALUES ('delete', old.number, old.terms);
    INSERT INTO words (rowid, terms) VALUES (new.number, new.terms);
END;

-- Entries that the index has yet to learn, each once, with the number of its last change. An
-- entry that is not there any more is to be taken out.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry TEXT NOT NULL UNIQUE,
    -- Whose it is, or was.
    person TEXT NOT NULL
);
