#!/usr/bin/env sh
':' //; here=$(dirname "$(readlink -f "$0")"); for node in "$here/../../../node_modules/node/bin/node" "$here/../../../node/bin/node"; do [ -x "$node" ] && exec "$node" "$0" "$@"; done; exec node "$0" "$@"
// A shell runs the line above, which JavaScript reads as a string and a comment. It finds the Node that was installed
// beside this package, because the machine's own may be too old. `exec` keeps the process id, so signals arrive.
import '../dist/cli.js'
