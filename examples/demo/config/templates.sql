-- What templates.yml has, for a demo over PostgreSQL.
INSERT INTO templates (template_name, segment_duration_target, settings) VALUES
  ('DEMO_6S', 6.0, '{"timeout": "10s", "hold": "60s", "segments": {"mode": "every", "count": 6, "oldest": true}}'),
  ('DEMO_2S', 2.0, '{"extends": "DEMO_6S", "segments": {"mode": "every", "count": 10, "oldest": true}}'),
  ('DEMO_SIGNAL', 6.0, '{"extends": "DEMO_6S", "signal": "full"}');
