//! Tests of the database schema's versions: each earlier one is migrated with its rows, an older exporter works beside
//! a newer one, and a backup of a running exporter can be restored.

use crate::database::{Stack, channel};
use packager_testbed::postgres::Postgres;
use serde_json::json;
use sqlx::migrate::Migrator;

/// Rows as an exporter of the first schema version writes them, with every column that it knows. During an upgrade an
/// exporter of that version may still run, so such writes have to work.
const ROWS: &str = "
INSERT INTO probes (probe_name, location, kind, url, enabled) VALUES ('edge', 'Hanoi', 'inspector_live', 'https://i:8443/', true);
INSERT INTO templates (template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold,
  freeze_threshold_ms, segment_duration_target, segment_duration_tolerance, max_download_time, settings)
  VALUES ('TPL_OLD', 3.25, -24, 1, 0.2, 800, 4, 0.2, 1.5, '{\"hold\": \"30s\"}');
INSERT INTO channels (channel_code, channel_name, channel_type, tier, codec, resolution, fps, is_4k, is_hdr, probe_id,
  input_url, outputs, ladder, template_id, enabled)
  VALUES ('CH_OLD', 'Old', 'LIVE', 2, 'HEVC', '3840x2160', 50, true, true, (SELECT max(id) FROM probes),
  'http://packager-01/live/CH_OLD/master.m3u8', '{\"dash\": \"http://packager-01/live/CH_OLD/manifest.mpd\"}', NULL,
  (SELECT max(id) FROM templates), true),
  ('CH_OFF', 'Off', 'LIVE', NULL, NULL, NULL, NULL, false, false, NULL, 'http://packager-01/off.m3u8', '{}', NULL, NULL, false);
INSERT INTO alerts (fingerprint, alertname, channel_id, severity, status, summary, description, labels, annotations, starts_at)
  VALUES ('f1', 'ChannelDown', (SELECT max(id) FROM channels), 'critical', 'firing', 's', 'd', '{}', '{}', '2026-01-31T18:00:00Z');
";

async fn migrated(postgres: &Postgres, versions: usize) {
    let mut all: Migrator = sqlx::migrate!();
    all.migrations = all.migrations.iter().take(versions).cloned().collect::<Vec<_>>().into();
    let pool = sqlx::PgPool::connect(&postgres.url()).await.unwrap();
    all.run(&pool).await.unwrap();
    pool.close().await;
}

/// Returns the rows with the columns of the first schema version, without the columns that a migration added.
fn rows(postgres: &Postgres) -> String {
    let select = [
        "SELECT probe_name, location, kind, url, enabled FROM probes ORDER BY id",
        "SELECT template_name, min_mos, loudness_target, loudness_tolerance, macroblocking_threshold, freeze_threshold_ms,
           segment_duration_target, segment_duration_tolerance, max_download_time, settings FROM templates ORDER BY id",
        "SELECT channel_code, channel_name, channel_type, tier, codec, resolution, fps, is_4k, is_hdr, probe_id, input_url,
           outputs, ladder, template_id, enabled, version, created_at FROM channels ORDER BY id",
        "SELECT fingerprint, alertname, channel_id, severity, status, summary, description, labels, annotations, starts_at,
           ends_at, created_at FROM alerts ORDER BY id",
    ];
    select.map(|sql| postgres.sql(sql)).join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_earlier_version_is_brought_up_to_date_with_its_rows() {
    let last = sqlx::migrate!().migrations.len();
    for version in 1..last {
        let postgres = Postgres::start();
        migrated(&postgres, version).await;
        postgres.sql(ROWS);
        let before = rows(&postgres);
        let stack = Stack::on(postgres, &[]).await;
        assert_eq!(rows(&stack.postgres), before, "from version {version}");
        let applied = stack.postgres.sql("SELECT count(*) FROM _sqlx_migrations WHERE success");
        assert_eq!(applied, last.to_string(), "from version {version}");
        let (_, old) = stack.get("/channels/CH_OLD").await;
        assert_eq!((&old["fps"], &old["template_name"]), (&json!(50), &json!("TPL_OLD")), "{old}");
        assert_eq!(stack.get("/alerts/active").await.1["alerts"][0]["fingerprint"], "f1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_exporter_works_next_to_a_newer_one() {
    let stack = Stack::start(&[]).await;
    // What it writes is still taken.
    stack.postgres.sql(ROWS);
    stack.until("its channel is in force", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_OLD"])).await;

    // And this one, started again after a newer one has been here, knows its rows.
    let Stack { exporter, postgres, .. } = stack;
    drop(exporter);
    postgres.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
           VALUES (9999, 'of a newer exporter', true, '\\x00', 1);
         ALTER TABLE channels ADD COLUMN of_a_newer_exporter text",
    );
    let stack = Stack::on(postgres, &[]).await;
    let log = stack.exporter.log();
    assert!(log.contains("migration=9999") && log.contains("a newer exporter"), "{log}");
    let (status, body) = stack.json("POST", "/channels", &channel("CH_NEW", "http://packager-01/n.m3u8")).await;
    assert_eq!(status, 201, "{body}");
}

/// A released migration is applied in databases, so it never changes; a change goes into a new file.
#[test]
fn released_migrations_stay_as_they_are() {
    let released = [
        (1, "2ed80476dba7311abb4468d25b69780e"),
        (2, "e7ac96ef1acba1d68ef5ccf75bc6ee40"),
        (3, "5c1ae3210b92c252fdc4e16fffa72900"),
        (4, "358682def10b34c75521f8f109bce3f8"),
    ];
    let hex = |bytes: &[u8]| bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let all = sqlx::migrate!();
    let here: Vec<(i64, String)> = all.iter().map(|m| (m.version, hex(&m.checksum))).collect();
    assert!(here.len() >= released.len(), "{here:?}");
    for ((version, checksum), found) in released.iter().zip(&here) {
        assert_eq!((*version, (*checksum).to_owned()), *found, "write a new migration instead");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_exporter_can_be_restored() {
    let stack = Stack::start(&[]).await;
    stack.postgres.sql(ROWS);
    let before = rows(&stack.postgres);
    let database = "fpt_play_monitoring";
    // As the deployment guide takes it, into an empty database.
    let plain = stack.postgres.tool("pg_dump", database, &[], "");
    stack.postgres.sql("CREATE DATABASE restored");
    stack.postgres.tool("psql", "restored", &["-q", "-v", "ON_ERROR_STOP=1"], &plain);
    let count = stack.postgres.tool("psql", "restored", &["-Atc", "SELECT COUNT(*) FROM channels;"], "");
    assert_eq!(count, "2\n");

    // And over the one in use: docs/operations.md.
    let clean = stack.postgres.tool("pg_dump", database, &["--clean", "--if-exists"], "");
    stack.postgres.sql("DELETE FROM alerts; DELETE FROM channels; UPDATE templates SET min_mos = 1");
    stack.until("they are gone", async || stack.get("/sd").await.1 == json!([])).await;
    // A later version made a table: the migration that makes it has to run again.
    stack.postgres.sql("CREATE TABLE of_a_later_version ()");
    let restore = ["-q", "-X", "-v", "ON_ERROR_STOP=1", "--single-transaction"];
    let emptied = ["-c", "DROP SCHEMA public CASCADE", "-c", "CREATE SCHEMA public", "-f", "-"];
    stack.postgres.tool("psql", database, &[&restore[..], &emptied].concat(), &clean);
    stack.postgres.sql("NOTIFY packager_catalogue");
    assert_eq!(stack.postgres.sql("SELECT to_regclass('of_a_later_version') IS NULL").trim(), "t");
    assert_eq!(rows(&stack.postgres), before);
    stack.until("they are back", async || stack.get("/sd").await.1[0]["targets"] == json!(["CH_OLD"])).await;
    let (status, body) = stack.json("POST", "/channels", &channel("CH_NEW", "http://packager-01/n.m3u8")).await;
    assert_eq!(status, 201, "{body}");
    stack.until("changes still arrive", async || stack.get("/sd").await.1.as_array().unwrap().len() == 2).await;
}
