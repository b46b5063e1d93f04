//! The client of the Flow Service against real sockets: what is sent, byte for byte, and what is
//! made of everything that may come back.

mod auth;
mod fixtures;
mod forms;
mod listings;
mod parts;
mod retrigger;
