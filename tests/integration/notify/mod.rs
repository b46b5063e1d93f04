//! Notifications over real sockets, from a real store, with a clock in hand.

mod delivery;
mod events;
mod heartbeat;
mod site;
