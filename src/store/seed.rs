//! Channels that the environment names, as a new database's first ones.

use super::channels::{checked, upsert};
use super::{Store, StoreError, Writer, lock_writers};
use crate::catalog::{Channel, Environment, JsonObject, SecretPlaces};
use std::collections::{BTreeMap, BTreeSet};

impl Store {
    /// Creates a channel for each code in `CHANNELS` of `variables` that the database doesn't have, with the URL that
    /// `PACKAGER_URL` gives it. A channel that exists stays as it is, also a disabled one. Bad variables create nothing
    /// and are logged.
    ///
    /// # Errors
    /// The database is away.
    pub(super) async fn create_channels_of_environment(
        &self,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let (environment, problems) = Environment::read(variables);
        let wanted = match environment.channels() {
            Ok(channels) if problems.is_empty() => channels,
            Ok(_) => return Ok(()),
            Err(problem) => {
                tracing::error!(%problem, "no channel of the environment was created");
                return Ok(());
            }
        };
        if wanted.is_empty() {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await?;
        lock_writers(&mut transaction, Writer::Channels).await?;
        let codes: Vec<&str> = wanted.iter().map(|channel| channel.code.as_str()).collect();
        let known = "SELECT channel_code FROM channels WHERE channel_code = ANY($1)";
        let known: Vec<String> = sqlx::query_scalar(known).bind(&codes).fetch_all(&mut *transaction).await?;
        let known = BTreeSet::from_iter(known);
        let missing = wanted.iter().filter(|channel| !known.contains(&channel.code));
        let rows: Vec<JsonObject> = missing.map(columns).collect::<Result<_, _>>()?;
        if !rows.is_empty() {
            upsert(&mut transaction, &rows).await?;
            transaction.commit().await?;
            tracing::info!(channels = rows.len(), "channels of the environment created in the database");
        }
        Ok(())
    }
}

/// The columns of a channel that has only a code and a URL.
fn columns(channel: &Channel) -> Result<JsonObject, StoreError> {
    let url = channel.outputs.first().map(|output| output.url.as_str()).unwrap_or_default();
    let given = [("channel_code", channel.code.as_str()), ("channel_name", &channel.name), ("input_url", url)];
    checked(
        &given.map(|(column, value)| (column.to_owned(), value.into())).into_iter().collect(),
        "CHANNELS",
        &SecretPlaces::default(),
    )
}
