#!/bin/sh
# The image runs this once, on an empty data folder, as the superuser postgres.
# monitor_app owns its database and has no right beyond it; nobody logs in as the superuser with a password.
set -eu
: "${MONITOR_APP_PASSWORD:?}"
psql -X -v ON_ERROR_STOP=1 -U postgres -d postgres <<'SQL'
\getenv password MONITOR_APP_PASSWORD
SET password_encryption = 'scram-sha-256';
CREATE ROLE monitor_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE fpt_play_monitoring OWNER monitor_app ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE fpt_play_monitoring, postgres, template1 FROM PUBLIC;
ALTER ROLE postgres PASSWORD NULL;
SQL
