import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { ERRORS, EVENTS, LIMITS, REFUSAL_REASONS } from '../src/index.ts'
import { until } from './harness.ts'
import { Authority, PemFolder } from './pki.ts'

const PACKAGE = join(import.meta.dirname, '..')
const REPOSITORY = join(PACKAGE, '../..')

describe('README.md', () => {
  let readme: string
  before(async () => {
    readme = await readFile(join(PACKAGE, 'README.md'), 'utf8')
  })

  it('has the table of limits', () => {
    const rows = Object.entries(LIMITS).map(
      ([name, { value, min, max, meaning }]) => `| \`${name}\` | ${value} | ${min} to ${max} | ${meaning} |`,
    )
    expect(tableUnder(readme, '## Limits')).to.deep.equal(rows)
  })

  it('has the table of events', () => {
    const rows = Object.entries(EVENTS).map(([type, meaning]) => `| \`${type}\` | ${meaning} |`)
    expect(tableUnder(readme, '## Events')).to.deep.equal(rows)
  })

  it('has the table of errors', () => {
    const rows = Object.entries(ERRORS).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
    expect(tableUnder(readme, '## Errors')).to.deep.equal(rows)
  })

  it('has the table of refusals', () => {
    const rows = Object.entries(REFUSAL_REASONS).map(
      ([reason, { status, meaning }]) => `| \`${reason}\` | ${status} | ${meaning} |`,
    )
    expect(tableUnder(readme, '## How it behaves when things fail')).to.deep.equal(rows)
  })

  it('has a program that runs as pasted', async () => {
    await using folder = await PemFolder.create()
    const authority = await Authority.root('CA')
    const { cert, key } = await authority.issue({ names: ['localhost'] })
    await folder.write('cert.pem', cert)
    await folder.write('key.pem', key)
    await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
    const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? []
    await writeFile(join(folder.path, 'main.mts'), program)
    const child: ChildProcess = spawn(process.execPath, ['main.mts'], {
      cwd: folder.path,
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const port = (): number => Number(/"listening","port":(\d+),/.exec(output)?.[1] ?? 0)
    await until(() => port() !== 0 || child.exitCode !== null)

    const sent = request({ host: 'localhost', port: port(), ca: authority.cert, agent: false }).end()
    const [answer] = await once(sent, 'response')
    const body = await text(answer)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    expect(body).to.equal('hello\n')
    expect(code).to.equal(0)
    expect(output).to.include('"stopped"')
  })
})

/** The rows of the first table under a heading. */
function tableUnder(markdown: string, heading: string): string[] {
  const section = markdown.slice(markdown.indexOf(`\n${heading}\n`) + 1)
  const lines = section.split('\n')
  const first = lines.findIndex((line) => /^\| ?---/.test(line))
  const rows = lines.slice(first + 1)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  // The formatter pads columns.
  return rows.slice(0, end).map((row) => row.replace(/ +/g, ' '))
}
