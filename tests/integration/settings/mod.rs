//! The settings as a whole: what is read from where, what is refused and in which words, and what
//! is never told to anybody.

mod builtin_rules;
mod credentials;
mod faults;
mod layers;
mod schema;
mod selection;
mod support;
