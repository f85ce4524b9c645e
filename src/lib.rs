//! The lab: starts each server in a process of its own, puts the same load on each, and compares.
//!
//! | read in this order | what it is for |
//! | --- | --- |
//! | [`models`] | the table of models, and who takes part in an experiment |
//! | [`lab`] | servers to start, loads to put on them, and in which order |
//! | [`experiments`] | the table of experiments: what each is told, measures and shows |
//! | [`instruments`] | what measures: server processes, costs, memory, the machine |
//! | [`pages`] | what shows: sections in a terminal, on a page, as plots |
//! | [`doctor`] | what will work on this machine, and how to mend what will not |
//! | [`serve`] | one server in this process, as the lab and the benchmarks start it |
//! | [`identify`] | what kind of server is this? probes, evidence and a verdict, for any server |
//!
//! Adding a model is its crate and a line in [`models`]; adding an experiment is its file and a line
//! in [`experiments`].

pub mod doctor;
pub mod experiments;
pub mod identify;
pub mod instruments;
pub mod lab;
pub mod models;
pub mod pages;
pub mod results;
pub mod serve;
