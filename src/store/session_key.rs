//! Key of the cookies of browsers' sessions, which all exporters of the database share.

use super::{Store, StoreError};

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
}
