-- Where a channel came from, so that a synchronisation changes and disables only what it brought itself.

ALTER TABLE channels
  -- `inspector_live/live-packager-01`; null: a person's, or an import's.
  ADD COLUMN source        text CHECK (source ~ '^[a-z_]+/[A-Za-z0-9_.-]{1,64}$'),
  -- Since when the source doesn't have it any more; set where the source's absence disabled it.
  ADD COLUMN missing_since timestamptz;
CREATE INDEX channels_source ON channels (source) WHERE source IS NOT NULL;
