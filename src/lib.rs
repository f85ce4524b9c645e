//! The lab: starts each server in a process of its own, puts the same load on each, and compares.
//!
//! | read in this order | what it is for |
//! | --- | --- |
//! | [`models`] | the table of models, and who takes part in an experiment |
//! | [`measure`] | servers to start, loads to put on them, in which order, and what that costs |
//! | [`experiments`] | the experiments: what each is told, how it is run, and what it shows of its results |
//! | [`recording`] | what happened to each client, event by event: files, and as other tools open it; it knows nothing of the lab |
//! | [`results`] | what was measured: rows, tables, plots, files, comparison; it knows nothing of the lab |
//! | [`kernel`] | facts of the kernel: the machine, its limits, what a process asked of it |
//! | [`servers`] | servers beside those of the models, and how one is run |
//! | [`doctor`] | what will work on this machine, and how to fix what will not |
//! | [`serve`] | one server in this process, as the lab and the benchmarks start it |
//! | [`identify`] | what kind of server is this? probes, evidence and a verdict, for any server |
//!
//! Adding a model is its crate and a line in [`models`]; adding an experiment is its file, a line of the command line
//! and one of the report ([`experiments::parts`]).

pub mod doctor;
pub mod experiments;
pub mod identify;
pub mod kernel;
pub mod measure;
pub mod models;
pub mod recording;
pub mod results;
pub mod serve;
pub mod servers;
