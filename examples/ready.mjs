/** Before `npm start` of an example: installs and builds this repository, where that has not been done. Plain JavaScript that Node 12 can read. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

if (!existsSync(`${root}/node_modules/.bin/node`)) run('node', ['.ci/setup.mjs'])
if (!existsSync(`${root}/packages/adapter-sdk/dist/index.js`)) {
  console.log('Building ...')
  run('npm', ['run', '--silent', 'build'])
}

function run(command, parameters) {
  const { status } = spawnSync(command, parameters, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status || 1)
}
