//! A copy of the store for a dry run, whose changes are thrown away.

use super::fault::cannot;
use super::open::{self, Opened};
use crate::store::StoreError;
use std::path::Path;

/// Copies the store in the file `from` to the new file `to`, where the lease is free.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<Opened, StoreError> {
    let original = open::for_reading(from).await?;
    let copied = sqlx::query("VACUUM INTO ?1")
        .bind(to.to_string_lossy().into_owned())
        .execute(&original.readers)
        .await
        .map_err(cannot("be copied"));
    original.readers.close().await;
    copied?;
    let copy = open::for_writing(to).await?;
    sqlx::query("DELETE FROM lease").execute(&copy.writer).await.map_err(cannot("be copied"))?;
    Ok(copy)
}
