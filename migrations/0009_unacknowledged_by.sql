-- Who took an acknowledgement back: a transaction names the person in the setting packager.actor.
CREATE OR REPLACE FUNCTION packager_alert_happened() RETURNS trigger LANGUAGE plpgsql AS $$
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
    PERFORM packager_alert_event(NEW, 'unacknowledged', now(), nullif(current_setting('packager.actor', true), ''), NULL);
  -- A text may name a measured value, which changes with every evaluation: one row in five minutes is enough.
  ELSIF (OLD.summary, OLD.description) IS DISTINCT FROM (NEW.summary, NEW.description) AND NOT EXISTS (
    SELECT FROM alert_events e WHERE e.alert_id = NEW.id AND e.event = 'text_changed' AND e.at > now() - interval '5 minutes'
  ) THEN
    PERFORM packager_alert_event(NEW, 'text_changed', now(), 'alertmanager', NULL);
  END IF;
  RETURN NULL;
END $$;
