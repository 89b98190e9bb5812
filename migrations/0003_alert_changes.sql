-- Exporters tell their listeners of alerts as they change, whoever changed them.

CREATE FUNCTION packager_alert_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('packager_alerts', NEW.id || ' ' || NEW.status);
  RETURN NULL;
END $$;

CREATE TRIGGER fired AFTER INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION packager_alert_changed();
CREATE TRIGGER changed AFTER UPDATE OF status ON alerts FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION packager_alert_changed();
