//! The lab: starts each server in a process of its own, puts the same load on each, and compares.
//!
//! | read in this order | what it is for |
//! | --- | --- |
//! | [`models`] | the servers that are compared, and the floor below them |
//! | [`server_process`] | a server in a process of its own, ended with its starter |
//! | [`comparison`] | which experiments, in which order, and what is measured in each |
//! | [`memory`] | what idle connections hold, in user space and in the kernel |
//! | [`measure`] | one load on one server, and what it cost both |
//! | [`results`] | the figures over all rounds: medians and spreads |
//! | [`table`] and [`conclusion`] | what the reader sees |
//! | [`scale`], [`growth`], [`timeline`], [`overload`] | the other experiments |
//! | [`plot`], [`palette`] and [`report`] | pictures of them, and one page with all |
//! | [`crash`] | a lesson: who notices a server's end, and how far it reaches |
//! | [`check`] | the protocol's conformance suite, against any server |
//! | [`bench_table`] | the benchmarks of a connection side by side |
//! | [`machine`] | what the figures were measured on |

pub mod ballast;
pub mod bench_table;
pub mod check;
pub mod comparison;
pub mod conclusion;
pub mod crash;
pub mod floor;
pub mod growth;
pub mod machine;
pub mod measure;
pub mod memory;
pub mod models;
pub mod overload;
pub mod palette;
pub mod plot;
pub mod report;
pub mod results;
pub mod scale;
pub mod server_process;
pub mod table;
pub mod timeline;
