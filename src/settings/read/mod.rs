//! The reader: it merges the layers, reads tables key by key and collects faults. What a table
//! contains is defined in `tables`.

pub(crate) mod effective_config;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod layers;
pub(crate) mod origin;
pub(crate) mod reference;
pub(crate) mod report;
pub(crate) mod section;
pub(crate) mod shape;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod variables;
