//! The daemon against the simulated platform: real HTTP, a real SQLite file, a clock in hand.
mod support;

mod admission;
mod auth;
mod backoff;
mod backtest;
mod breakers;
mod budgets;
mod client_mark;
mod clock;
mod economy;
mod elsewhere;
mod explain;
mod first_pass;
mod happy;
mod holds;
mod kinds;
mod locality;
mod meddling;
mod operator;
mod pages;
mod plan;
mod policies;
mod quirks;
mod restart;
mod rules;
mod whose;
