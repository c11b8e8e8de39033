#!/usr/bin/env sh
':' //; here=$(dirname "$(readlink -f "$0")"); for node in "$here/../../../node_modules/node/bin/node" "$here/../../../node/bin/node"; do [ -x "$node" ] && exec "$node" "$0" "$@"; done; exec node "$0" "$@"
// A shell runs the line above; JavaScript reads it as a string and a comment. It starts the Node that is installed with this
// package, because the machine's own may be too old. `exec` keeps the process id, so that signals reach it.
import '../dist/audit-main.js'
