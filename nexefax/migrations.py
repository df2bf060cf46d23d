"""What brings a journal of an older NexeFax up to date: the SQL of each schema version after the first.

``schema.sql`` always has the newest version whole; a test holds the two ways of getting there together.
"""

from __future__ import annotations

from typing import Final

MIGRATIONS: Final[dict[int, str]] = {
    2: """
        ALTER TABLE fax ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
        UPDATE fax SET counted = attempts;
        ALTER TABLE fax ADD COLUMN first_page INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE fax ADD COLUMN line_settings TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN cancelled_by TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN resent_from INTEGER;
        ALTER TABLE fax ADD COLUMN repeat_of INTEGER;
        ALTER TABLE fax ADD COLUMN files_deleted REAL;
        ALTER TABLE attempt ADD COLUMN first_page INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE attempt ADD COLUMN line_settings TEXT NOT NULL DEFAULT '';
        CREATE INDEX fax_age ON fax (files_deleted, changed);
        CREATE TABLE upkeep (
            what TEXT PRIMARY KEY,
            at   REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE line_memory (
            number        TEXT PRIMARY KEY,
            line_settings TEXT NOT NULL,
            changed       REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
    """,
    3: """
        ALTER TABLE fax ADD COLUMN batch TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN to_name TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN send_at REAL;
        ALTER TABLE fax ADD COLUMN composition TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN deleted_at REAL;
        ALTER TABLE fax ADD COLUMN deleted_by TEXT NOT NULL DEFAULT '';
        ALTER TABLE fax ADD COLUMN read_at REAL;
        ALTER TABLE fax ADD COLUMN search TEXT NOT NULL DEFAULT '';
        -- what came in before there was an inbox has been read in the mail
        UPDATE fax SET read_at = changed WHERE direction = 'in';
        UPDATE fax SET search = search_text(number, caller_name, station, user, subject, document_name);
        CREATE INDEX fax_list ON fax (account COLLATE NOCASE, direction, id);
        CREATE INDEX fax_unread ON fax (account COLLATE NOCASE)
            WHERE direction = 'in' AND read_at IS NULL AND deleted_at IS NULL;
        CREATE INDEX fax_bin ON fax (deleted_at) WHERE deleted_at IS NOT NULL AND files_deleted IS NULL;
        CREATE INDEX fax_batch ON fax (batch) WHERE batch <> '';
        CREATE INDEX fax_created ON fax (account COLLATE NOCASE, created);
        CREATE TABLE fax_reader (
            fax  INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
            user TEXT    NOT NULL,
            at   REAL    NOT NULL,
            PRIMARY KEY (fax, user)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE change (
            id      INTEGER PRIMARY KEY AUTOINCREMENT,
            account TEXT    NOT NULL,
            fax     INTEGER NOT NULL
        ) STRICT;
        ALTER TABLE mail RENAME TO old_mail;
        DROP INDEX mail_due;
        CREATE TABLE mail (
            id         INTEGER PRIMARY KEY,
            fax        INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
            kind       TEXT    NOT NULL CHECK (kind IN ('received', 'sent', 'failed', 'forwarded')),
            state      TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
            message_id TEXT    NOT NULL UNIQUE,
            created    REAL    NOT NULL,
            changed    REAL    NOT NULL,
            next_try   REAL    NOT NULL,
            attempts   INTEGER NOT NULL DEFAULT 0,
            error      TEXT    NOT NULL DEFAULT '',
            address    TEXT    NOT NULL DEFAULT '',
            note       TEXT    NOT NULL DEFAULT '',
            user       TEXT    NOT NULL DEFAULT ''
        ) STRICT;
        CREATE UNIQUE INDEX mail_once ON mail (fax, kind) WHERE kind <> 'forwarded';
        INSERT INTO mail (id, fax, kind, state, message_id, created, changed, next_try, attempts, error)
            SELECT id, fax, kind, state, message_id, created, changed, next_try, attempts, error FROM old_mail;
        DROP TABLE old_mail;
        CREATE INDEX mail_due ON mail (state, next_try);
        CREATE TABLE draft (
            id       TEXT PRIMARY KEY,
            account  TEXT NOT NULL,
            user     TEXT NOT NULL,
            created  REAL NOT NULL,
            changed  REAL NOT NULL,
            content  TEXT NOT NULL DEFAULT '{}',
            sent     TEXT NOT NULL DEFAULT ''
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX draft_of ON draft (account, user, changed);
        CREATE TABLE draft_document (
            draft  TEXT    NOT NULL REFERENCES draft (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            name   TEXT    NOT NULL,
            size   INTEGER NOT NULL,
            PRIMARY KEY (draft, number)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE api_token (
            id         INTEGER PRIMARY KEY AUTOINCREMENT,
            account    TEXT NOT NULL,
            user       TEXT NOT NULL,
            name       TEXT NOT NULL,
            token_hash BLOB NOT NULL UNIQUE,
            scopes     TEXT NOT NULL,
            created    REAL NOT NULL,
            last_used  REAL
        ) STRICT;
        CREATE TABLE webhook (
            id       INTEGER PRIMARY KEY,
            fax      INTEGER NOT NULL REFERENCES fax (id) ON DELETE CASCADE,
            event    TEXT    NOT NULL,
            delivery TEXT    NOT NULL UNIQUE,
            body     TEXT    NOT NULL,
            state    TEXT    NOT NULL CHECK (state IN ('waiting', 'accepted', 'refused')),
            created  REAL    NOT NULL,
            changed  REAL    NOT NULL,
            next_try REAL    NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            error    TEXT    NOT NULL DEFAULT ''
        ) STRICT;
        CREATE INDEX webhook_due ON webhook (state, next_try);
        CREATE INDEX webhook_fax ON webhook (fax);
    """,
}
