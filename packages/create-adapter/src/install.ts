/** Runs `npm install` in a new project. */
import { spawnSync } from 'node:child_process'

/** Returns whether it succeeded. If not, npm has printed why. */
export function install(folder: string): boolean {
  process.stdout.write('Installing packages, which takes about half a minute ...\n')
  const { status } = spawnSync('npm', ['install', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  return status === 0
}
