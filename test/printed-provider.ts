/** A GP Connect example, started and asked by the commands that READMEs print, as printed. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../packages/adapter-sdk/test/free-port.ts'
import { until } from '../packages/gp-connect-provider/test/cases/case.ts'
import { readRecords } from '../packages/gp-connect-provider/test/practice.ts'
import { readBlocks } from './guide.ts'
import { plainEnvironment } from './printed-example.ts'
import { follow } from './started-program.ts'

const EXAMPLES = resolve(import.meta.dirname, '../examples')

/** The statuses that the requests of the README got, and the codes in the audit trail. `more`: after its first command. */
export async function askPrintedProvider(
  name: string,
  more = '',
): Promise<{ readonly statuses: readonly string[]; readonly codes: readonly (string | null)[] }> {
  const [start = ''] = commandsOf(name)
  const [, requests = ''] = commandsOf('gp-connect-provider')
  const folder = mkdtempSync(join(tmpdir(), 'printed-provider-'))
  const AUDIT_FILE = join(folder, 'audit.jsonl')
  const env = { ...plainEnvironment(), PORT: String(await freePort()), AUDIT_FILE }
  const child = spawn('sh', ['-c', start + more], {
    ...{ cwd: join(EXAMPLES, name), env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  const closed = once(child, 'close')
  try {
    await follow(child).line(({ event }) => event === 'listening')

    const script = `${requests}\ntrue # the last request is refused`
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      cwd: join(EXAMPLES, 'gp-connect-provider'),
      env,
    })

    await until(() => readRecords(AUDIT_FILE).length === 3)
    const statuses = [...stdout.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status = '']) => status)
    return { statuses, codes: readRecords(AUDIT_FILE).map(({ errorCode }) => errorCode as string | null) }
  } finally {
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), 'SIGINT')
    await closed
    rmSync(folder, { recursive: true, force: true })
  }
}

function commandsOf(name: string): string[] {
  const blocks = readBlocks(join(EXAMPLES, name, 'README.md')).filter(({ language }) => language === 'sh')
  return blocks.map(({ text }) => text.trimEnd())
}
