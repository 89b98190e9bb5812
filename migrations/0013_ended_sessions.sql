-- Sessions of browsers that a logout ended, so that no exporter of the database accepts their cookies again. A row is deleted when no
-- cookie of the session can be valid any more.
CREATE TABLE ended_sessions (
  -- The random id in the session's cookies.
  id       text PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64),
  ended_at timestamptz NOT NULL DEFAULT now()
);
