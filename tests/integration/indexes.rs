//! Tests that no list of the API reads a whole table: PostgreSQL's plans for the API's statements use indexes.

use crate::database::Stack;
use packager_testbed::postgres::Postgres;

const CHANNELS: &str = "INSERT INTO channels (channel_code, channel_name, tier, is_4k, enabled, input_url, template_id)
  SELECT 'CH_' || n, 'Channel ' || n, n % 3 + 1, n % 100 = 0, n % 250 <> 0, 'http://a/' || n, n % 2 + 1
  FROM generate_series(1, 5000) n";
const ALERTS: &str = "INSERT INTO alerts (fingerprint, alertname, severity, status, labels, annotations, starts_at)
  SELECT to_hex(n), 'ChannelDown', CASE WHEN n % 1000 = 0 THEN 'critical' ELSE 'minor' END,
    CASE WHEN n % 400 = 0 THEN 'firing' ELSE 'resolved' END, jsonb_build_object('channel', 'CH_' || n % 5000), '{}',
    timestamptz '2026-01-31T18:00:00Z' + make_interval(mins => n)
  FROM generate_series(1, 20000) n";

/// Number of requests of each list: PostgreSQL plans a statement five times before it may choose one plan for all
/// values.
const ASKED: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn no_list_reads_a_whole_table() {
    let postgres = Postgres::start();
    // In force for connections that are made from now on.
    for setting in ["session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0"] {
        postgres.sql(&format!("ALTER DATABASE fpt_play_monitoring SET {setting}"));
    }
    let stack = Stack::on(postgres, &[]).await;
    stack.postgres.sql(&format!("{CHANNELS}; {ALERTS}; ANALYZE"));
    let lists = [
        ("/channels", "channels_pkey"),
        ("/channels?cursor=2500", "channels_pkey"),
        ("/channels?tier=2", "channels"),
        ("/channels?is_4k=true", "channels_4k"),
        ("/channels?enabled=false", "channels_disabled"),
        ("/channels?enabled=true&tier=1", "channels"),
        ("/channels?template=TPL_LIVE_4K_HDR", "channels"),
        ("/channels?q=channel%204999", "channels_pkey"),
        ("/alerts", "alerts_pkey"),
        ("/alerts?cursor=10000", "alerts_pkey"),
        ("/alerts/active", "alerts_active"),
        ("/alerts?status=firing", "alerts_active"),
        ("/alerts?severity=critical", "alerts_severity"),
        ("/alerts?channel=CH_7", "alerts_label"),
        ("/alerts?since=2026-02-14T15:00:00Z", "alerts_started"),
        ("/alerts?active_since=2026-02-14T15:00:00Z", "alerts_pkey"),
        ("/alerts/active?alertname=Watchdog", "alerts_active"),
    ];
    for (path, index) in lists {
        let before = plans(&stack).len();
        for _ in 0..ASKED {
            assert_eq!(stack.get(path).await.0, 200, "{path}");
        }
        let plans = plans(&stack).split_off(before);
        assert_eq!(plans.len(), ASKED, "{path}");
        for plan in plans {
            assert!(!plan.contains("Seq Scan on channels") && !plan.contains("Seq Scan on alerts"), "{path}: {plan}");
            assert!(plan.contains(index), "{path}: {plan}");
        }
    }
}

/// Returns PostgreSQL's plans of the statements that read a page of a list.
fn plans(stack: &Stack) -> Vec<String> {
    let log = stack.postgres.log();
    let pages = log.split("LOG:  ").filter(|entry| entry.contains("Query Text: SELECT") && entry.contains(" LIMIT $"));
    pages.map(str::to_owned).collect()
}
