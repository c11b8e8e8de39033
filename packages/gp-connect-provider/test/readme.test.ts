/** Checks README.md: its tables match the code, its program runs, and the tests that it names exist. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { expect } from 'chai'
import { FAILURES } from '../src/failures.ts'
import { PRESETS, RELEASES } from '../src/roots/interactions.ts'
import { DEFAULT_RULES } from '../src/rules.ts'
import { fixtureCases, until } from './cases/case.ts'
import { moreCases } from './cases/own.ts'
import { Pki, SSP_FQDN } from './pki.ts'
import { PUBLIC_URL, readRecords } from './practice.ts'
import { ask, PATIENT } from './requests.ts'

const PACKAGE = new URL('..', import.meta.url)
const README = readFileSync(new URL('README.md', PACKAGE), 'utf8')
const CASES = new Set([...fixtureCases(), ...moreCases()].map(({ id }) => id))

describe('README.md', () => {
  it('has the table of failures', () => {
    const rows = Object.entries(FAILURES).map(([code, { status, issue, spineCode }]) => [
      `\`${code}\``,
      String(status),
      issue,
      spineCode,
    ])

    expect(table('code')).to.deep.equal(rows)
  })

  it('has the table of rules with their defaults', () => {
    const rows = Object.entries(DEFAULT_RULES).map(([name, value]) => [`\`${name}\``, `\`${value}\``])

    expect(table('rule').map(([name, value]) => [name, value])).to.deep.equal(rows)
  })

  it('has the table of presets with their releases', () => {
    const rows = Object.keys(PRESETS).map((preset) => {
      const releases = Object.entries(RELEASES).filter(([, name]) => name === preset)
      return [`\`${preset}\``, releases.map(([release]) => `\`${release}\``).join(', ') || '-']
    })

    expect(table('preset').map(([preset, releases]) => [preset, releases])).to.deep.equal(rows)
  })

  it('names every requirement of the page', () => {
    const requirements = table('requirement').map(([requirement]) => requirement)

    // The page has 17 sentences with SHALL, SHALL NOT, SHOULD or MAY; some of them have more than one requirement.
    expect(requirements).to.have.length(28)
    for (const word of ['SHALL', 'SHALL NOT', 'SHOULD', 'MAY'])
      expect(requirements.some((one) => one?.startsWith(word))).to.equal(true)
  })

  for (const [requirement = '', module = ''] of table('requirement')) {
    it(`names a module for: ${requirement}`, () => {
      expect(readdirSync(new URL('src', PACKAGE), { recursive: true })).to.include(module.replaceAll('`', ''))
    })
  }

  for (const [what = '', , test = ''] of [...table('requirement'), ...table('risk')]) {
    it(`names an existing test for: ${what}`, () => {
      const [, file = '', title = ''] = /^`([a-z/-]+\.test\.ts): (.*)`$/.exec(test) ?? []

      const source = readFileSync(new URL(`test/${file}`, PACKAGE), 'utf8')
      expect(CASES.has(title) || titles(source).some((one) => one.test(title)), `${file}: ${title}`).to.equal(true)
    })
  }

  it('names a test for each of the OWASP top 10', () => {
    expect(table('risk').map(([risk]) => risk?.split(' ')[0])).to.deep.equal([
      'A1',
      'A2',
      'A3',
      'A4',
      'A5',
      'A6',
      'A7',
      'A8',
      'A9',
      'A10',
    ])
  })

  it('has a program that runs as pasted', async () => {
    await using pki = await Pki.create()
    const program = /```ts\n([\s\S]*?)```/.exec(README)?.[1] ?? ''
    const files = { 'ssp.example.test': SSP_FQDN, "'sub.crl.pem'": "'sub.crl.pem', 'revoked-sub.crl.pem'" }
    const adapted = Object.entries(files).reduce((text, [from, to]) => text.replace(from, to), program)
    await pki.write('main.mts', adapted.replace('https://localhost:8443', PUBLIC_URL))
    symlinkSync(new URL('../../node_modules', PACKAGE).pathname, pki.path('node_modules'))
    const child = spawn(process.execPath, ['main.mts'], {
      cwd: pki.folder,
      env: { ...process.env, PORT: '0' },
    })
    const closed = once(child, 'close')
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    const port = (): number => Number(/"listening","port":(\d+),/.exec(stdout)?.[1] ?? 0)
    await until(() => port() !== 0)

    const found = await ask(port(), pki, PATIENT)
    const absent = await ask(port(), pki, { ...PATIENT, path: '/Patient/2' })

    child.kill('SIGTERM')
    await closed
    expect([found.status, absent.status]).to.deep.equal([200, 404])
    expect(found.body).to.equal('{"resourceType":"Patient","id":"1","active":true}')
    expect(readRecords(pki.path('audit.jsonl'))).to.have.length(2)
  })

  it('pins every dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')) as {
      dependencies: Record<string, string>
    }

    for (const [name, version] of Object.entries(dependencies)) expect(version, name).to.match(/^\d+\.\d+\.\d+$/)
  })
})

/** The rows of the table whose first column has this heading, cell by cell. */
function table(heading: string): string[][] {
  const lines = README.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} `))
  const end = lines.findIndex((line, at) => at > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** The titles of a test file. A placeholder in a title matches any text. */
function titles(source: string): RegExp[] {
  return [...source.matchAll(/\b(?:it|describe)\((['`])(.*?)\1,/g)].map(([, , title = '']) => {
    const literal = title.split(/\$\{[^}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${literal.join('.+')}$`)
  })
}
