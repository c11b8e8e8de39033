/** Ends a process whose Node is too old for this package, with one line: on an old Node, nothing else of it can be read. */
// Plain JavaScript of old, the same file in every package: each one stands alone (test/system/wrong-node.test.ts).
'use strict'
var wanted = /\d+\.\d+/.exec(require('./package.json').engines.node)[0]

if (isOlder(process.versions.node, wanted)) {
  var major = wanted.split('.')[0]
  var ways = '"nvm install ' + major + '", "fnm install ' + major + '" or "npm install node@' + major + '"'
  // Not process.stderr: on some systems it would still be writing when the process ends.
  require('fs').writeSync(
    2,
    'Node ' +
      wanted +
      ' or newer is needed, and this is Node ' +
      process.versions.node +
      '. Get it with ' +
      ways +
      '.\n',
  )
  process.exit(1)
}

function isOlder(running, least) {
  var have = running.split('.').map(Number)
  var need = least.split('.').map(Number)
  return have[0] < need[0] || (have[0] === need[0] && have[1] < need[1])
}
