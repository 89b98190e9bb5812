-- How a channel's servers are asked: the section `request` of channels.yml. Secrets are in files; a row names them.

ALTER TABLE channels
  ADD COLUMN request jsonb CHECK (jsonb_typeof(request) = 'object');

COMMENT ON COLUMN channels.request IS 'Settings of requests; references to files below catalog.secrets, never secrets themselves';
