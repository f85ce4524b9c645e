//! Gates that let in a limited number of threads, in every order that their threads can run in: the one of
//! an exercise, three with a mistake, and the one of our servers.
//!
//! ```console
//! $ cargo run -p interleavings --example orders
//! $ cargo test -p interleavings
//! ```
//!
//! There is nothing here but an example and tests: loom, which tries the orders, is for those alone, and no
//! server is compiled with what loom needs.
