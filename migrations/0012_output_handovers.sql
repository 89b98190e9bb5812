-- What the exporter that last probed an output remembers of it, for the exporter that probes it next. Not logged, because it is
-- written every few seconds and is worth nothing after minutes: a crash of the server or a failover empties the table.
CREATE UNLOGGED TABLE output_handovers (
  channel_code   text NOT NULL,
  output_name    text NOT NULL,
  -- As the exporter writes and reads it; its times are those of the exporter's clock.
  handover       jsonb NOT NULL,
  -- Time of writing by the exporter's clock, and by the database's.
  exporter_clock timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  PRIMARY KEY (channel_code, output_name)
);
