-- Everything that happened to an alert is a row, whoever made it happen; the row of the alert shows its last state only.

ALTER TABLE alerts
  -- Fingerprints of the alerts that inhibit this one, and ids of the silences, as Alertmanager says: nobody is notified.
  ADD COLUMN inhibited_by text[] NOT NULL DEFAULT '{}',
  ADD COLUMN silenced_by  text[] NOT NULL DEFAULT '{}';

CREATE TABLE alert_events (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  alert_id    bigint NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
  at          timestamptz NOT NULL,
  event       text NOT NULL
    CHECK (event IN ('fired', 'acknowledged', 'unacknowledged', 'reopened', 'text_changed', 'resolved')),
  -- Who: `alertmanager`, or a person.
  by          text,
  comment     text,
  silence_id  text,
  summary     text,
  description text
);
CREATE INDEX alert_events_alert ON alert_events (alert_id, id);

CREATE FUNCTION packager_alert_event(a alerts, event text, at timestamptz, by text, comment text) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO alert_events (alert_id, at, event, by, comment, silence_id, summary, description)
  VALUES ((a).id, at, event, by, comment, CASE event WHEN 'acknowledged' THEN (a).silence_id END, (a).summary, (a).description)
$$;

CREATE FUNCTION packager_alert_happened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM packager_alert_event(NEW, 'fired', NEW.starts_at, 'alertmanager', NULL);
  END IF;
  IF NEW.status = 'resolved' AND (TG_OP = 'INSERT' OR OLD.status <> 'resolved') THEN
    PERFORM packager_alert_event(NEW, 'resolved', coalesce(NEW.ends_at, now()), NEW.resolved_by,
      CASE WHEN NEW.resolved_by <> 'alertmanager' THEN NEW.comment END);
  ELSIF TG_OP = 'INSERT' THEN
    RETURN NULL;
  ELSIF OLD.status = 'resolved' AND NEW.status <> 'resolved' THEN
    PERFORM packager_alert_event(NEW, 'reopened', now(), 'alertmanager', NULL);
  ELSIF OLD.status <> 'acknowledged' AND NEW.status = 'acknowledged' THEN
    PERFORM packager_alert_event(NEW, 'acknowledged', coalesce(NEW.acknowledged_at, now()), NEW.acknowledged_by, NEW.comment);
  ELSIF OLD.status = 'acknowledged' AND NEW.status = 'firing' THEN
    PERFORM packager_alert_event(NEW, 'unacknowledged', now(), NULL, NULL);
  -- A text may name a measured value, which changes with every evaluation: one row in five minutes is enough.
  ELSIF (OLD.summary, OLD.description) IS DISTINCT FROM (NEW.summary, NEW.description) AND NOT EXISTS (
    SELECT FROM alert_events e WHERE e.alert_id = NEW.id AND e.event = 'text_changed' AND e.at > now() - interval '5 minutes'
  ) THEN
    PERFORM packager_alert_event(NEW, 'text_changed', now(), 'alertmanager', NULL);
  END IF;
  RETURN NULL;
END $$;

-- Alerts of earlier versions: what their rows still say.
INSERT INTO alert_events (alert_id, at, event, by, summary, description)
  SELECT id, starts_at, 'fired', 'alertmanager', summary, description FROM alerts ORDER BY id;
INSERT INTO alert_events (alert_id, at, event, by, comment, silence_id, summary, description)
  SELECT id, acknowledged_at, 'acknowledged', acknowledged_by, comment, silence_id, summary, description
  FROM alerts WHERE acknowledged_at IS NOT NULL ORDER BY id;
INSERT INTO alert_events (alert_id, at, event, by, summary, description)
  SELECT id, coalesce(ends_at, updated_at), 'resolved', resolved_by, summary, description
  FROM alerts WHERE status = 'resolved' ORDER BY id;

CREATE TRIGGER happened AFTER INSERT OR UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION packager_alert_happened();

-- States of channels as the exporters saw them: a row a change, not a probe. It outlives the channel.
CREATE TABLE channel_states (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  channel_code  text NOT NULL,
  -- The exporter that probed: its --probe.name, or its address.
  exporter      text NOT NULL,
  state         text NOT NULL CHECK (state IN ('up', 'degraded', 'down')),
  severity      text CHECK (severity IN ('critical', 'major', 'minor')),
  failed_checks text[] NOT NULL,
  since         timestamptz NOT NULL,
  -- Last probe of this state that was written; it is written every minute.
  seen_at       timestamptz NOT NULL
);
CREATE INDEX channel_states_channel ON channel_states (channel_code, since);
CREATE INDEX channel_states_newest ON channel_states (channel_code, exporter, id);
CREATE INDEX channel_states_seen ON channel_states (seen_at);
