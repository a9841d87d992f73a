-- +goose Up

-- Node settings; also the random store id that format.json repeats.
CREATE TABLE settings (
  key        TEXT PRIMARY KEY,
  value      TEXT NOT NULL,
  updated_at INTEGER NOT NULL            -- ms
) WITHOUT ROWID;

-- Who may sign in. Exactly one row may be the owner.
CREATE TABLE members (
  wallet_address TEXT PRIMARY KEY,       -- 0x and 40 lower-case hex digits
  role           TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  added_by       TEXT,
  added_at       INTEGER NOT NULL,       -- ms
  updated_at     INTEGER NOT NULL        -- ms
) WITHOUT ROWID;
CREATE UNIQUE INDEX members_owner ON members (role) WHERE role = 'owner';

-- Who has signed in at least once.
CREATE TABLE users (
  id                    INTEGER PRIMARY KEY,
  wallet_address        TEXT NOT NULL UNIQUE,
  uuid                  TEXT NOT NULL UNIQUE,
  smart_account_address TEXT,            -- a claim, not proven (API §3.6)
  display_name          TEXT,
  alias                 TEXT UNIQUE,
  quota_bytes           INTEGER,         -- NULL: the node's own limit
  used_bytes            INTEGER NOT NULL DEFAULT 0, -- sum of entries.size, kept by the files' transactions
  email_hint            TEXT,
  disabled              INTEGER NOT NULL DEFAULT 0,
  created_at            INTEGER NOT NULL, -- ms
  last_login            INTEGER,          -- ms
  last_change           INTEGER NOT NULL DEFAULT 0 -- ms of the last mutation of the tree
);

CREATE TABLE sessions (
  token_hash          BLOB PRIMARY KEY,  -- SHA-256
  session_id          TEXT NOT NULL UNIQUE,
  wallet_address      TEXT NOT NULL REFERENCES users (wallet_address),
  kind                TEXT NOT NULL CHECK (kind IN ('web', 'app', 'access_token', 'api', 'dav')),
  app_uid             TEXT,
  parent_session_id   TEXT,
  label               TEXT NOT NULL DEFAULT '',
  permissions         TEXT,              -- JSON
  created_via         TEXT NOT NULL,
  created_at          INTEGER NOT NULL,  -- ms, like all times here
  last_activity       INTEGER NOT NULL,
  expires_at          INTEGER NOT NULL,
  absolute_expires_at INTEGER NOT NULL,
  revoked_at          INTEGER,           -- kept for a while, so that its client learns why
  last_ip             TEXT NOT NULL DEFAULT '',
  user_agent          TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX sessions_wallet ON sessions (wallet_address);
CREATE INDEX sessions_parent ON sessions (parent_session_id) WHERE parent_session_id IS NOT NULL;

-- Content (the content store's format): one row per immutable object.
CREATE TABLE object (
  id     INTEGER PRIMARY KEY,            -- the 64 bits of its name, as a signed number
  root   BLOB NOT NULL,                  -- binary CID of its UnixFS DAG
  size   INTEGER NOT NULL,               -- plain bytes
  leaf   INTEGER NOT NULL,               -- bytes of a leaf
  sealed INTEGER NOT NULL,               -- 1: the DAG is of ciphertext
  refs   INTEGER NOT NULL                -- rows that refer to it
);
CREATE INDEX object_root ON object (root) WHERE sealed = 0; -- public content is stored once; each root of sealed content is another
CREATE INDEX object_dead ON object (id) WHERE refs <= 0;

-- Content of at most one segment.
CREATE TABLE inline (
  id   INTEGER PRIMARY KEY REFERENCES object (id),
  data BLOB NOT NULL                     -- ciphertext
);

-- Object files to unlink.
CREATE TABLE trash (id INTEGER PRIMARY KEY);

-- Blocks that others may fetch.
CREATE TABLE served (
  digest BLOB PRIMARY KEY,
  object INTEGER NOT NULL REFERENCES object (id),
  at     INTEGER NOT NULL,
  len    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX served_object ON served (object);

-- The tree. A home is the row without a parent.
CREATE TABLE entries (
  id                 INTEGER PRIMARY KEY,
  uid                TEXT NOT NULL UNIQUE,
  wallet_address     TEXT NOT NULL REFERENCES users (wallet_address),
  parent_id          INTEGER REFERENCES entries (id),
  name               TEXT NOT NULL,      -- as given
  name_key           TEXT NOT NULL,      -- NFC of it: what is compared
  is_dir             INTEGER NOT NULL,
  size               INTEGER NOT NULL DEFAULT 0,
  mime_type          TEXT,
  object             INTEGER REFERENCES object (id),
  key                BLOB,               -- content key, wrapped for the owner
  root               BLOB,               -- the object's root again: a listing would look it up row by row
  publishing         INTEGER NOT NULL DEFAULT 0,
  is_shortcut        INTEGER NOT NULL DEFAULT 0,
  shortcut_to        TEXT,
  immutable          INTEGER NOT NULL DEFAULT 0,
  metadata           TEXT,
  layout             TEXT,
  sort_by            TEXT,
  sort_order         TEXT,
  associated_app_uid TEXT,
  thumb_cid          TEXT,
  created            INTEGER NOT NULL,   -- s, like modified and accessed
  modified           INTEGER NOT NULL,
  accessed           INTEGER NOT NULL,
  rev                INTEGER NOT NULL DEFAULT 1,
  CHECK ((object IS NULL) = (key IS NULL) AND (object IS NULL) = (root IS NULL)),
  CHECK (is_dir = 0 OR object IS NULL)
);
CREATE UNIQUE INDEX entries_child ON entries (parent_id, name_key);
CREATE INDEX entries_folder ON entries (parent_id, name) WHERE is_dir = 1; -- how deep a folder goes
CREATE UNIQUE INDEX entries_home ON entries (wallet_address) WHERE parent_id IS NULL;
CREATE INDEX entries_object ON entries (object) WHERE object IS NOT NULL;

-- What people did, for them to read.
CREATE TABLE audit_logs (
  id             INTEGER PRIMARY KEY,
  wallet_address TEXT,
  action         TEXT NOT NULL,
  resource       TEXT,
  ip_address     TEXT NOT NULL DEFAULT '',
  user_agent     TEXT NOT NULL DEFAULT '',
  detail         TEXT,                   -- JSON, never secrets
  created_at     INTEGER NOT NULL,       -- ms
  prev_hash      BLOB NOT NULL           -- SHA-256 over the row before: a removed row shows
);
CREATE INDEX audit_logs_wallet ON audit_logs (wallet_address, created_at);

-- +goose Down
-- Never: an older program refuses a newer directory instead.
