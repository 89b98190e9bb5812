-- What an exporter knows of a channel by its last probe: a row for each channel and exporter, from which the other exporters of
-- the database answer, and the exporter itself after a restart.
CREATE TABLE channel_status (
  channel_code text NOT NULL,
  -- Name of the exporter that probed: its --probe.name, or its address.
  exporter     text NOT NULL,
  -- State, failed checks and measured values, as the exporter writes and reads them.
  status       jsonb NOT NULL,
  -- Written at each change, and every minute while nothing changes.
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (channel_code, exporter)
);
CREATE INDEX channel_status_updated ON channel_status (updated_at);
