-- The journal, schema version 3. Times are seconds since 1970, UTC. States are the words of fax/job.py.

CREATE TABLE fax (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,      -- the number that people are told
    direction     TEXT    NOT NULL CHECK (direction IN ('out', 'in')),
    account       TEXT    NOT NULL,                       -- as written in accounts.conf
    state         TEXT    NOT NULL,
    reason        TEXT    NOT NULL DEFAULT '',            -- why it is in this state, a sentence
    number        TEXT    NOT NULL DEFAULT '',            -- out: dialled; in: the caller's
    caller_name   TEXT    NOT NULL DEFAULT '',
    station       TEXT    NOT NULL DEFAULT '',            -- the other side's station id (TSI, CSI)
    user          TEXT    NOT NULL DEFAULT '',
    subject       TEXT    NOT NULL DEFAULT '',
    message       TEXT    NOT NULL DEFAULT '',
    document_name TEXT    NOT NULL DEFAULT '',            -- what the user calls it; never a path
    pages         INTEGER,
    pages_done    INTEGER,
    resolution    TEXT    NOT NULL DEFAULT '',
    bitrate       INTEGER,                                -- bit/s of the last transmission
    line_seconds  REAL,                                   -- estimated time on the line
    created       REAL    NOT NULL,
    changed       REAL    NOT NULL,
    next_try      REAL,
    attempts      INTEGER NOT NULL DEFAULT 0,
    max_attempts  INTEGER NOT NULL DEFAULT 1,
    incomplete    INTEGER NOT NULL DEFAULT 0,
    doubtful      INTEGER NOT NULL DEFAULT 0,             -- an attempt's outcome is unknown: it may arrive twice
    arrived       INTEGER NOT NULL DEFAULT 0,             -- an earlier attempt arrived while a later one was running
    tiff_wanted   INTEGER NOT NULL DEFAULT 0,             -- in: the TIFF holds something that the PDF does not
    counted       INTEGER NOT NULL DEFAULT 0,             -- out: attempts that count towards max_attempts
    first_page    INTEGER NOT NULL DEFAULT 1,             -- out: the page that the next attempt begins with
    line_settings TEXT    NOT NULL DEFAULT '',            -- out: how carefully the next attempt is made, fax/retry.py
    cancelled_by  TEXT    NOT NULL DEFAULT '',            -- out: who wants the running attempt to be the last
    resent_from   INTEGER,                                -- out: the fax that this one sends again
    repeat_of     INTEGER,                                -- in: the fax that this one probably repeats
    files_deleted REAL,                                   -- when its documents and pages were deleted for their age
    notes         TEXT    NOT NULL DEFAULT '[]',          -- JSON list of sentences
    request_id    TEXT,                                   -- what a page sends twice is taken once
    spool_name    TEXT UNIQUE,                            -- in: the TIFF's name in rx_dir
    batch         TEXT    NOT NULL DEFAULT '',            -- out: the same for all that was sent at once to several numbers
    to_name       TEXT    NOT NULL DEFAULT '',            -- out: whom the number belongs to
    send_at       REAL,                                   -- out: not to be dialled before
    composition   TEXT    NOT NULL DEFAULT '',            -- out: JSON, how documents become pages; fax/composition.py
    deleted_at    REAL,                                   -- when somebody put it into the bin
    deleted_by    TEXT    NOT NULL DEFAULT '',
    read_at       REAL,                                   -- in: when somebody of the account first looked at it
    search        TEXT    NOT NULL DEFAULT ''             -- what it is found by, without case; folding.py
) STRICT;

CREATE UNIQUE INDEX fax_request ON fax (account, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX fax_due ON fax (state, next_try);
CREATE INDEX fax_age ON fax (files_deleted, changed);
CREATE INDEX fax_list ON fax (account COLLATE NOCASE, direction, id);
CREATE INDEX fax_unread ON fax (account COLLATE NOCASE)
    WHERE direction = 'in' AND read_at IS NULL AND deleted_at IS NULL;
CREATE INDEX fax_bin ON fax (deleted_at) WHERE deleted_at IS NOT NULL AND files_deleted IS NULL;
CREATE INDEX fax_batch ON fax (batch) WHERE batch <> '';
CREATE INDEX fax_created ON fax (account COLLATE NOCASE, created);

-- Who has looked at a received fax.
CREATE TABLE fax_reader (
    fax  INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
    user TEXT    NOT NULL,
    at   REAL    NOT NULL,                                -- the first time
    PRIMARY KEY (fax, user)
) STRICT, WITHOUT ROWID;

-- Which faxes have changed, in order, for pages that follow what happens; the oldest rows go.
CREATE TABLE change (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT    NOT NULL,
    fax     INTEGER NOT NULL
) STRICT;

CREATE TABLE attempt (
    fax        INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL,                          -- 1 for the first
    started    REAL    NOT NULL,                          -- handed to Asterisk
    deadline   REAL    NOT NULL,                          -- past it the evidence decides
    ended      REAL,
    cause      TEXT    NOT NULL DEFAULT '',               -- a word of fax/cause.py
    sentence   TEXT    NOT NULL DEFAULT '',
    pages      INTEGER,
    bitrate    INTEGER,
    station    TEXT    NOT NULL DEFAULT '',
    mode       TEXT    NOT NULL DEFAULT '',               -- T.38 or audio
    outcome    TEXT    NOT NULL DEFAULT '',               -- the outcome file's line, as evidence
    first_page INTEGER NOT NULL DEFAULT 1,                -- the page that it began with
    line_settings TEXT NOT NULL DEFAULT '',               -- how carefully it was made
    PRIMARY KEY (fax, number)
) STRICT, WITHOUT ROWID;

-- What it takes to reach a number, learnt from attempts that failed; forgotten after a month.
CREATE TABLE line_memory (
    number        TEXT PRIMARY KEY,
    line_settings TEXT NOT NULL,                          -- words of fax/retry.py
    changed       REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- When the work that comes round by itself was last done.
CREATE TABLE upkeep (
    what TEXT PRIMARY KEY,
    at   REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    id   INTEGER PRIMARY KEY,
    fax  INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
    at   REAL    NOT NULL,
    text TEXT    NOT NULL
) STRICT;

CREATE INDEX event_fax ON event (fax);

CREATE TABLE mail (
    id         INTEGER PRIMARY KEY,
    fax        INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
    kind       TEXT    NOT NULL CHECK (kind IN ('received', 'sent', 'failed', 'forwarded')),
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
    message_id TEXT    NOT NULL UNIQUE,                   -- the same for every repeat
    created    REAL    NOT NULL,
    changed    REAL    NOT NULL,
    next_try   REAL    NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT '',
    address    TEXT    NOT NULL DEFAULT '',               -- forwarded: to whom; else the account's addresses
    note       TEXT    NOT NULL DEFAULT '',               -- forwarded: what its sender wrote with it
    user       TEXT    NOT NULL DEFAULT ''                -- forwarded: who did
) STRICT;

CREATE UNIQUE INDEX mail_once ON mail (fax, kind) WHERE kind <> 'forwarded';

CREATE INDEX mail_due ON mail (state, next_try);

CREATE TABLE session (
    token_hash BLOB PRIMARY KEY,                          -- SHA-256 of the cookie's value
    account    TEXT NOT NULL,
    user       TEXT NOT NULL,
    proof      BLOB NOT NULL,                             -- changes with the user's password: then the session is over
    created    REAL NOT NULL,
    expires    REAL NOT NULL,
    address    TEXT NOT NULL DEFAULT '',
    agent      TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX session_expires ON session (expires);

-- What users compose: kept from the first keystroke until it is sent, or left alone for a month.
CREATE TABLE draft (
    id       TEXT PRIMARY KEY,                            -- random, in addresses
    account  TEXT NOT NULL,
    user     TEXT NOT NULL,
    created  REAL NOT NULL,
    changed  REAL NOT NULL,
    content  TEXT NOT NULL DEFAULT '{}',                  -- JSON, fax/drafts.py
    sent     TEXT NOT NULL DEFAULT ''                     -- JSON: the faxes that it became; asked again, the same answer
) STRICT, WITHOUT ROWID;

CREATE INDEX draft_of ON draft (account, user, changed);

CREATE TABLE draft_document (
    draft  TEXT    NOT NULL REFERENCES draft (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,                              -- never given twice within a draft; its file's name
    name   TEXT    NOT NULL,                              -- what the user calls it; never a path
    size   INTEGER NOT NULL,                              -- bytes
    PRIMARY KEY (draft, number)
) STRICT, WITHOUT ROWID;

-- What programs sign in with.
CREATE TABLE api_token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL,
    user       TEXT NOT NULL,                             -- in whose name it acts
    name       TEXT NOT NULL,                             -- what its maker calls it
    token_hash BLOB NOT NULL UNIQUE,                      -- SHA-256
    scopes     TEXT NOT NULL,                             -- words, separated by blanks: send, read
    created    REAL NOT NULL,
    last_used  REAL
) STRICT;

-- Calls to the programs of others (webhook_url), with retries like mail.
CREATE TABLE webhook (
    id       INTEGER PRIMARY KEY,
    fax      INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
    event    TEXT    NOT NULL,
    delivery TEXT    NOT NULL UNIQUE,                     -- a UUID: what the receiver tells repeats by
    body     TEXT    NOT NULL,                            -- JSON, as it was when it happened
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
    created  REAL    NOT NULL,
    changed  REAL    NOT NULL,
    next_try REAL    NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error    TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX webhook_due ON webhook (state, next_try);
CREATE INDEX webhook_fax ON webhook (fax);
