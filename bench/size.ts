/** What `npm install` of the SDK puts on a disk: bytes, and packages. */
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { startLocalRegistry } from '../test/local-registry.ts'
import type { Lab } from './lab.ts'
import type { Measure } from './report.ts'

const NAME = '@formbuilder/adapter-sdk'

export async function size(_lab: Lab): Promise<Measure[]> {
  await using registry = await startLocalRegistry()
  await registry.run(`npm init -y && npm install --omit=dev --ignore-scripts ${NAME}`)
  const modules = join(registry.folder, 'node_modules')
  const files = globSync('**', { cwd: modules, withFileTypes: true }).filter((each) => each.isFile())
  // As `du` counts: each file takes whole blocks.
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)
  const lock = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')) as { packages: object }
  return [
    { subject: `${NAME} with its dependencies`, unit: 'MB', rounds: [bytes / 1e6], mark: { value: 40, atMost: true } },
    {
      subject: 'packages',
      unit: 'packages',
      rounds: [Object.keys(lock.packages).length],
      mark: { value: 119, atMost: true },
    },
  ]
}
