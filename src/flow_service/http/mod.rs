//! HTTP exchanges with Adobe, one at a time: token, pace, throttling, clock.
//!
//! `gateway` sends; `auth` provides the token; nothing in here knows about flows or runs.

pub(crate) mod auth;
pub(crate) mod exchange;
pub(crate) mod gateway;
pub(crate) mod observe;
mod pacer;
pub(crate) mod platform_clock;
mod throttle;
pub(crate) mod token;
