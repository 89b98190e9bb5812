-- Key with which exporters sign the cookies of browsers' sessions: one for all exporters of the database, so that a session
-- outlives a restart and is valid at each of them.
CREATE TABLE session_key (
  id         smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  key        bytea NOT NULL CHECK (length(key) >= 32),
  created_at timestamptz NOT NULL DEFAULT now()
);
