//! The world over HTTP.
//!
//! A request passes `middleware` (counting, faults, date), then `caller` (headers), then a handler of
//! `routes`.

mod answer;
mod app;
mod caller;
mod connection;
pub(crate) mod lists;
mod middleware;
mod routes;
pub(crate) mod server;
mod token;
