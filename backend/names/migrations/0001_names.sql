-- +goose Up
CREATE TABLE names (
  name       TEXT PRIMARY KEY,
  node       BLOB NOT NULL,     -- Ed25519 key that signed the claim
  device     BLOB NOT NULL,     -- relay device that speaks for the node
  seq        INTEGER NOT NULL,  -- of the claim
  claim      BLOB NOT NULL,     -- canonical JSON, signature included
  source     TEXT NOT NULL,     -- network that it was registered from
  registered INTEGER NOT NULL,  -- ms
  seen       INTEGER NOT NULL,  -- ms
  released   INTEGER NOT NULL   -- 1: free; the row keeps seq
) WITHOUT ROWID;
CREATE INDEX names_node ON names (node);
CREATE INDEX names_device ON names (device);
CREATE INDEX names_source ON names (source);

-- +goose Down
-- Never: an older program refuses a newer database instead.
