//! Brings the catalogue of the database into force: at the start, after every change in the database, and every half
//! minute.

use super::table::comma_separated;
use super::{Health, Store, StoreError, on_blocking_thread, writable};
use crate::backoff::Backoff;
use crate::catalog::{self, CatalogSnapshot, ChannelRow, TemplateRow};
use crate::config::ConfigHandle;
use crate::document::DocumentErrors;
use packager_media::units::Timestamp;
use sqlx::postgres::PgListener;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::time::Instant;

/// Longest time between two reads of the catalogue, in case a notice of the database is lost.
const MAX_AGE: Duration = Duration::from_secs(30);
/// Interval at which the exporter checks that the database server whose notifications it receives isn't read-only.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// First pause before the exporter connects to the database again.
const RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_secs(15);
/// Pause between a notice of the database and the read. A change of many rows sends many notices, and the catalogue is
/// read once for all of them.
const SETTLE_TIME: Duration = Duration::from_millis(50);

/// SQL statement that selects templates and channels as JSON documents in the form of templates.yml and channels.yml. A
/// template is its `settings` with the columns of thresholds merged over them.
static CATALOGUE: LazyLock<String> = LazyLock::new(|| {
    let thresholds = comma_separated(TemplateRow::thresholds().map(|name| format!("'{name}', {name}")));
    let columns = comma_separated(ChannelRow::shared_with_files().map(|name| match name {
        "outputs" => "'outputs', nullif(c.outputs, '{}')".to_owned(),
        _ => format!("'{name}', c.{name}"),
    }));
    format!(
        "SELECT
           (SELECT coalesce(jsonb_object_agg(template_name,
                     settings || jsonb_strip_nulls(jsonb_build_object({thresholds}))), '{{}}')::text
            FROM templates),
           (SELECT jsonb_build_object('channels', coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object({columns},
                     'template', template_name, 'probe', probe_name)) ORDER BY c.id), '[]'))::text
            FROM channels c LEFT JOIN templates t ON t.id = template_id LEFT JOIN probes p ON p.id = probe_id)"
    )
});

impl Store {
    /// Keeps the catalogue in force up to date with the database until the future is dropped. While the database can't
    /// be reached, the last catalogue stays in force.
    pub async fn follow(self, live: Arc<ConfigHandle>, variables: BTreeMap<String, String>) {
        let mut backoff = Backoff::new(RETRY, MAX_RETRY);
        loop {
            let Err(error) = self.follow_notices(&live, &variables, &mut backoff).await;
            let error = self.explained(error).await;
            let pause = backoff.failed();
            tracing::error!(%error, retry_in = ?pause, "database; the last catalogue stays in force");
            self.health.send_replace(Health::Away { why: error.to_string() });
            tokio::time::sleep(pause).await;
        }
    }

    async fn follow_notices(
        &self,
        live: &ConfigHandle,
        variables: &BTreeMap<String, String>,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, StoreError> {
        self.migrate().await?;
        if !self.was_read() {
            self.create_channels_of_environment(variables).await?;
        }
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen("packager_catalogue").await?;
        loop {
            self.refresh(live, variables).await?;
            backoff.reset();
            await_notice(&mut listener).await?;
            tokio::time::sleep(SETTLE_TIME).await;
            while listener.next_buffered().is_some() {}
        }
    }

    /// Reads the catalogue from the database, and returns it with the faults of the rows that are left out.
    ///
    /// # Errors
    /// Fails if the database can't be reached or has no schema, or if an environment variable is invalid.
    pub async fn catalogue(
        &self,
        variables: &BTreeMap<String, String>,
    ) -> Result<(CatalogSnapshot, DocumentErrors), StoreError> {
        let (templates, channels): (String, String) = sqlx::query_as(&CATALOGUE).fetch_one(&self.pool).await?;
        let (variables, secrets) = (variables.clone(), self.secrets.clone());
        let load = move || catalog::load_rows(templates, channels, &variables, &secrets);
        on_blocking_thread(load).await?.map_err(|errors| StoreError::Refused(errors.to_string()))
    }

    /// Advances the sequence of each table's ids to the highest id in the table. After a restored dump the sequence may
    /// be lower. Each insert then gets an id that exists, and is refused.
    async fn advance_sequences(&self) -> Result<(), StoreError> {
        for table in ["channels", "templates", "probes", "alerts", "alert_events", "channel_states"] {
            let sql = format!(
                "SELECT setval('{table}_id_seq', greatest(highest, last_value))
                 FROM (SELECT max(id) AS highest FROM {table}) t, {table}_id_seq WHERE highest > last_value"
            );
            sqlx::query(&sql).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Reads the catalogue from the database and puts it into force.
    async fn refresh(&self, live: &ConfigHandle, variables: &BTreeMap<String, String>) -> Result<(), StoreError> {
        self.advance_sequences().await?;
        let (snapshot, bad) = self.catalogue(variables).await?;
        let bad_rows: Vec<String> = bad.0.iter().map(ToString::to_string).collect();
        let health = Health::Connected { bad_rows };
        if self.health.send_if_modified(|now| (*now != health).then(|| *now = health.clone()).is_some()) {
            for row in &bad.0 {
                tracing::error!(%row, "a row of the catalogue is not in force");
            }
            tracing::info!(
                channels = snapshot.channels.len(),
                templates = snapshot.templates.len(),
                "catalogue of the database"
            );
        }
        let was_held = live.catalog_is_held();
        match live.replace_catalog(snapshot, Timestamp::now()) {
            Ok(()) if was_held => tracing::info!("the catalogue of the database is in force again"),
            Err(errors) if !was_held => {
                tracing::error!(%errors, "the catalogue of the database is not taken over; the last one stays in force");
            }
            Ok(()) | Err(_) => {}
        }
        self.was_read.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Waits until the catalogue should be read again: after a notice of the database, after [`MAX_AGE`], or when the
/// connection was made again after a loss, so that notices may be lost.
///
/// # Errors
/// Fails if the connection is lost, or if its server can't be written any more.
async fn await_notice(listener: &mut PgListener) -> Result<(), StoreError> {
    let read_again = Instant::now() + MAX_AGE;
    while Instant::now() < read_again {
        match tokio::time::timeout(CHECK_EVERY, listener.try_recv()).await {
            Ok(notice) => {
                let _ = notice?;
                return Ok(());
            }
            Err(_) => writable::demand_of_listener(listener).await?,
        }
    }
    Ok(())
}
