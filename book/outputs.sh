#!/usr/bin/env bash
# Makes the program output that the book and the README show: each file begins with the command that
# made it.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --workspace

# output NAME COMMAND...: runs a command and keeps it with what it printed.
output() {
    local name=$1
    shift
    { echo "$ $*"; "$@" 2>/dev/null; } >"book/src/outputs/$name.txt"
}

# shell_output NAME COMMAND: the same for a line of the shell.
shell_output() {
    { echo "$ $2"; bash -c "$2" 2>/dev/null; } >"book/src/outputs/$1.txt"
}

# Its status says that the files differ.
output diff-thread-fork diff crates/thread-server/src/bare.rs crates/fork-server/src/bare.rs || [ $? = 1 ]
output timeline-iterative cargo run -q --release -- timeline --models iterative
output timeline-thread cargo run -q --release -- timeline --models thread
output timeline-pool cargo run -q --release -- timeline --models pool
output crash-fork-thread cargo run -q --release -- crash --models fork,thread
output memory-thread-async cargo run -q --release -- memory --models thread,async
output signal-stacks book/signal-stacks.sh
shell_output homework-starter 'target/release/lab check --start "target/release/starter {port}" | grep -A4 -m1 FAIL'
output counting cargo run -q --release -p bugs --example counting
shell_output anatomy-thread 'cargo run -q --release -- anatomy --models thread | head -16'
shell_output anatomy-prefork 'cargo run -q --release -- anatomy --models prefork | head -8'
shell_output anatomy-uring 'cargo run -q --release -- anatomy --models uring | head -8'
shell_output anatomy-event 'cargo run -q --release -- anatomy --models event | head -14'

# What a fork copies is what is mapped: the same server, linked otherwise.
rows="grep -E '^(Page faults|mappings|Without|With )'"
shell_output fork-dynamic "cargo run -q --release -- anatomy --models fork | $rows"
target=$(rustc -vV | sed -n 's/^host: //p')
shell_output fork-static "RUSTFLAGS='-C target-feature=+crt-static' \\
  cargo run -q --release --target $target -- anatomy --models fork | $rows"
