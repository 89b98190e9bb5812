-- Exporters that share the channels of this database: a row for each, which it renews every few seconds.
CREATE TABLE exporters (
  -- Host and port under which Prometheus reaches the exporter's /probe.
  address      text PRIMARY KEY,
  -- Its --probe.name: it takes only channels of that probe. null: it takes channels of every probe.
  probe_name   text,
  -- Share of the channels that it takes, relative to those of the others.
  weight       double precision NOT NULL,
  -- Since when it takes channels without having been given up in between.
  joined_at    timestamptz NOT NULL,
  -- Since when it has renewed its row without a gap.
  steady_since timestamptz NOT NULL,
  seen_at      timestamptz NOT NULL
);
