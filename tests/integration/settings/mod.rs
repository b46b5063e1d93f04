//! The settings as a whole: what is read from where, what is refused with which message, and that no
//! message contains a secret.

mod builtin_rules;
mod credentials;
mod faults;
mod layers;
mod notify;
mod schema;
mod selection;
mod support;
