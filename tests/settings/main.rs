//! The settings as a whole: what is read from where, what is refused and in which words, and what
//! is never told to anybody.

#![allow(clippy::unwrap_used, reason = "the lint knows test functions, not their helpers")]

mod builtin_rules;
mod credentials;
mod faults;
mod layers;
mod schema;
mod selection;
mod support;
