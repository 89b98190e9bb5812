//! What all exporters of the database share of browsers' sessions: the key of their cookies, and which sessions a logout ended.

use super::{Store, StoreError};
use std::time::Duration;

/// Longest time by which the clock of an exporter is behind the database's.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);

impl Store {
    /// Returns the stored key. Without one, `candidate` is stored and becomes the key of all exporters of the database.
    ///
    /// # Errors
    /// Fails if the database is away.
    pub async fn session_key(&self, candidate: &[u8]) -> Result<Vec<u8>, StoreError> {
        let insert = "INSERT INTO session_key (key) VALUES ($1) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(candidate).execute(&self.pool).await?;
        Ok(sqlx::query_scalar("SELECT key FROM session_key").fetch_one(&self.pool).await?)
    }

    /// Stores the ids of sessions that were ended at this exporter.
    ///
    /// # Errors
    /// Fails if the database is away.
    pub async fn end_sessions(&self, ids: &[String]) -> Result<(), StoreError> {
        let insert = "INSERT INTO ended_sessions (id) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(ids).execute(&self.pool).await?;
        Ok(())
    }

    /// Returns the ids of the sessions that were ended at any exporter within `lifetime`, after which no cookie is valid, and
    /// deletes the older ones. There are at most 4,096, the newest ones.
    ///
    /// # Errors
    /// Fails if the database is away.
    pub async fn ended_sessions(&self, lifetime: Duration) -> Result<Vec<String>, StoreError> {
        let delete = "DELETE FROM ended_sessions WHERE ended_at < now() - make_interval(secs => $1)";
        let kept = lifetime.saturating_add(CLOCKS_DIFFER).as_secs_f64();
        sqlx::query(delete).bind(kept).execute(&self.pool).await?;
        let newest = "SELECT id FROM ended_sessions ORDER BY ended_at DESC LIMIT 4096";
        Ok(sqlx::query_scalar(newest).fetch_all(&self.pool).await?)
    }
}
