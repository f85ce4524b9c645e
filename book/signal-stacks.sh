#!/usr/bin/env bash
# What a signal stack a thread costs: the same program twice, in turns. The second time it finds
# SIGSEGV and SIGBUS ignored, and the standard library leaves them alone.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --quiet --workspace
programs=${CARGO_TARGET_DIR:-target}/release
figures=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -r "$figures"' EXIT

shootdowns() {
    awk '/TLB shootdowns$/ { for (i = 2; $i ~ /^[0-9]+$/; i++) all += $i }
        END { print all + 0 }' /proc/interrupts
}

# measure NAME COMMAND...: a load of 32 clients on a server, a line of figures.
measure() {
    local name=$1 before after line
    shift
    exec {output}< <(exec "$@" signal-stacks --addr 127.0.0.1:0)
    server=$!
    read -r -u "$output" _ _ line _
    line=${line%;}
    before=$(shootdowns)
    "$programs/client" load --addr "$line" --connections 32 --per-connection 1 --farewell bye \
        --warm-up 0s --duration 500ms --json "$figures/load.json" >"$figures/report"
    after=$(shootdowns)
    read -r -a line <"/proc/$server/stat"
    kill "$server"
    exec {output}<&-
    server=
    awk -F'[:,]' -v name="$name" -v ticks="$((line[13] + line[14]))" \
        -v shootdowns="$((after - before))" -v hertz="$(getconf CLK_TCK)" '
        /"ended_connections"/ { count = $2 }
        /"ended_connections_per_second"/ { rate = $2 }
        END { printf "%s %.0f %.1f %.2f\n", name, rate, ticks / hertz / count * 1e6,
            shootdowns / count }' "$figures/load.json" >>"$figures/$name"
}

for _ in 1 2 3 4 5 6 7; do
    measure with "$programs/bugs"
    measure without sh -c "trap '' SEGV BUS; exec $programs/bugs \"\$0\" \"\$@\""
done

# median NAME COLUMN
median() {
    sort -n -k "$2" "$figures/$1" | awk -v column="$2" '{ all[NR] = $column }
        END { print all[int((NR + 1) / 2)] }'
}

printf '%-28s %12s %12s %12s\n' 'medians of 7 turns' 'connections' 'CPU, µs' 'shootdowns'
printf '%-28s %12s %12s %12s\n' '' 'a second' 'each' 'each'
for name in with without; do
    printf '%-28s %12s %12s %12s\n' "$name signal stacks" "$(median $name 2)" "$(median $name 3)" \
        "$(median $name 4)"
done
