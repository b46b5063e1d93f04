//! Rows of `orders`.

use super::RowRef;
use crate::domain::model::ids::{FlowId, SandboxName};
use crate::domain::policy::pause_order::Order;
use crate::store::StoreError;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteArguments;

type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// A row of `orders`.
#[derive(Debug, sqlx::FromRow)]
pub(in crate::store::sqlite) struct OrderRow {
    sandbox: String,
    flow: String,
    paused: bool,
    at: i64,
    reason: String,
}

/// Binds the five columns of `orders` in the order of the table.
pub(in crate::store::sqlite) fn bind_order<'q>(query: Query<'q>, order: &'q Order) -> Query<'q> {
    query
        .bind(order.sandbox.as_ref().map_or("", SandboxName::as_str))
        .bind(order.flow.as_ref().map_or("", FlowId::as_str))
        .bind(order.paused)
        .bind(order.at.as_millisecond())
        .bind(&order.reason)
}

impl OrderRow {
    /// The order.
    pub(in crate::store::sqlite) fn read(self) -> Result<Order, StoreError> {
        let row = RowRef { table: "orders", row: &format!("{} {}", self.sandbox, self.flow) };
        Ok(Order {
            sandbox: (!self.sandbox.is_empty()).then(|| SandboxName::new(&self.sandbox)),
            flow: (!self.flow.is_empty()).then(|| FlowId::new(&self.flow)),
            paused: self.paused,
            at: row.instant("at", self.at)?,
            reason: self.reason,
        })
    }
}
