// Installs what package-lock.json asks for, when node_modules does not hold it yet. Plain JavaScript that Node 12 can read, no dependencies.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const [major] = process.versions.node.split('.').map(Number)
if (major < 20) {
  const ways = '"nvm install 24" or "fnm install 24"'
  console.error(`Node 20 or newer is needed, and this is Node ${process.versions.node}. Get it with ${ways}.`)
  process.exit(1)
}

const stamp = 'node_modules/.installed-from'
const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''

if (installed !== wanted) {
  console.log('Installing dependencies (npm ci), about a minute ...')
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) process.exit(npm.status || 1)
  writeFileSync(stamp, wanted)
}
