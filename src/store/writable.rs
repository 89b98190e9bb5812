//! Makes sure that the exporter's connections lead to a database server that can be written. After a failover the old
//! primary may still answer, as a standby or set to read-only. Such connections leave the pool, so that the next one
//! reaches the new primary.

use super::StoreError;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::PgListener;
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;

/// Longest time for the answer of a database server on a connection that was idle.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Longest time for a connection to the database that is made only to learn why connections fail.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// SQL statement that returns `off` if transactions of the session can write, and `on` if they can't, such as on a
/// standby.
const READ_ONLY: &str = "SELECT current_setting('transaction_read_only')";
const WHY_READ_ONLY: &str = "the server can't be written: it is a standby, or read-only after a failover; a new connection may reach the new primary";

/// Returns whether the pool may give out this connection. The function replaces the pool's own test, at the same cost
/// of one round trip.
pub(super) async fn is_usable(connection: &mut PgConnection, _: PoolConnectionMetadata) -> Result<bool, sqlx::Error> {
    let answer = sqlx::query_scalar::<_, String>(READ_ONLY).fetch_one(connection);
    Ok(tokio::time::timeout(ANSWER_TIME, answer).await.is_ok_and(|answer| answer.is_ok_and(|text| text == "off")))
}

/// Refuses a new connection to a database server that can't be written.
pub(super) async fn demand(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let answer: String = sqlx::query_scalar(READ_ONLY).fetch_one(connection).await?;
    if answer == "off" { Ok(()) } else { Err(sqlx::Error::Configuration(WHY_READ_ONLY.into())) }
}

/// Fails with [`StoreError::Away`] if the server of the connection that listens for notifications is read-only. Changes
/// are made at another server then, and this connection wouldn't be notified.
pub(super) async fn demand_of_listener(listener: &mut PgListener) -> Result<(), StoreError> {
    let answer = sqlx::query_scalar::<_, String>(READ_ONLY).fetch_one(listener);
    match tokio::time::timeout(ANSWER_TIME, answer).await {
        Ok(Ok(text)) if text == "off" => Ok(()),
        Ok(Ok(_)) => Err(StoreError::Away(WHY_READ_ONLY.to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(StoreError::Away(format!("the server does not answer within {ANSWER_TIME:?}"))),
    }
}

/// Returns the reason why connections to the database fail. The pool tries again until its time is over, and doesn't
/// say why it failed. `None`: a connection could be made.
pub(super) async fn reason(options: &sqlx::postgres::PgConnectOptions) -> Option<String> {
    let connected = tokio::time::timeout(CONNECT_TIME, PgConnection::connect_with(options)).await;
    match connected {
        Err(_) => Some(format!("the server does not answer within {CONNECT_TIME:?}")),
        Ok(Err(error)) => Some(error.to_string()),
        Ok(Ok(mut connection)) => {
            let reason = demand(&mut connection).await.err().map(|error| match error {
                sqlx::Error::Configuration(why) => why.to_string(),
                other => other.to_string(),
            });
            let _ = connection.close().await;
            reason
        }
    }
}
