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
}
