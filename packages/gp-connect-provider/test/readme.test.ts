/** Checks README.md: its tables match the code, its program runs, and the tests that it names exist. */
import { type SpawnOptionsWithoutStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { FAILURES } from '../src/failures.ts'
import { PRESETS, RELEASES } from '../src/roots/interactions.ts'
import { DEFAULT_RULES } from '../src/rules.ts'
import { ENVIRONMENTS } from '../src/server/environments.ts'
import { fixtureCases, until } from './cases/case.ts'
import { moreCases } from './cases/own.ts'
import { readRecords } from './practice.ts'

const PACKAGE = new URL('..', import.meta.url)
const README = readFileSync(new URL('README.md', PACKAGE), 'utf8')
const CASES = [...fixtureCases(), ...moreCases()].map(({ id }) => id)
const REQUIREMENTS = table('no.')

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

  it('has the table of environments', () => {
    const rows = Object.entries(ENVIRONMENTS).map(([name, { proxyHost, fqdns }]) => [
      `\`${name}\``,
      proxyHost === undefined ? 'no source names it' : `\`${proxyHost}\``,
      fqdns === undefined ? 'give `fqdns`' : fqdns.map((fqdn) => `\`${fqdn}\``).join(', '),
    ])

    expect(table('environment')).to.deep.equal(rows)
  })

  it('has each line of the page on security once', () => {
    // How many lines with SHALL, SHOULD, MAY or a setting each section of the page has, and how many policy documents it names.
    const lines = { N: 10, S: 2, T: 2, C: 4, A: 4, K: 5, H: 1, E: 7, P: 2 }
    const numbers = Object.entries(lines).flatMap(([letter, count]) =>
      Array.from({ length: count }, (_, at) => `${letter}${at + 1}`),
    )

    expect(REQUIREMENTS.map(([number]) => number)).to.deep.equal(numbers)
    expect(new Set(REQUIREMENTS.map(([, what]) => what)).size).to.equal(numbers.length)
  })

  for (const [number = '', what = '', module = ''] of REQUIREMENTS) {
    // Users' workstations, of which a provider has none.
    if (number === 'P2') continue
    it(`names a module for ${number}, ${what}`, () => {
      expect(readdirSync(new URL('src', PACKAGE), { recursive: true })).to.include(unquoted(module))
    })
  }

  for (const [what = '', , test = ''] of [...REQUIREMENTS.map((row) => row.slice(1)), ...table('risk')]) {
    if (test === '-') continue
    it(`names an existing test for: ${what}`, () => {
      expect(isTest(unquoted(test)), test).to.equal(true)
    })
  }

  it('has no table that is wider than a screen', () => {
    const wide = README.split('\n').filter((line) => line.startsWith('|') && line.length > 100)

    expect(wide).to.deep.equal([])
  })

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

  it('has commands and a program that run as pasted, and answer as it says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gp-connect-readme-'))
    const [makePki = '', askProvider = '', tryTls = ''] = blocks('sh').filter((block) => block.includes('openssl'))
    const [program = ''] = blocks('ts')
    const port = await freePort()
    const env = { ...process.env, PORT: String(port) }
    writeFileSync(join(folder, 'main.mts'), program)
    symlinkSync(new URL('../../node_modules', PACKAGE).pathname, join(folder, 'node_modules'))
    const run = (commands: string): Promise<string> => outputOf('bash', ['-c', commands], { cwd: folder, env })
    await run(`set -e; ${makePki}`)
    const child = spawn(process.execPath, ['main.mts'], { cwd: folder, env })
    const closed = once(child, 'close')
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    await until(() => stdout.includes('"listening"') || child.exitCode !== null)

    const answers = await run(`${askProvider}\necho "curl $?"`)
    const suites = await run(tryTls)

    child.kill('SIGTERM')
    await closed
    const records = readRecords(join(folder, 'audit.jsonl'))
    rmSync(folder, { recursive: true })
    expect(answers.match(/^HTTP\/1\.1 \d+|^curl \d+/gm)?.map((line) => line.trim())).to.satisfy((lines: string[]) =>
      /^HTTP\/1\.1 200,HTTP\/1\.1 404,HTTP\/1\.1 400,curl (?:35|52|55|56)$/.test(lines.join()),
    )
    expect(answers).to.include('{"resourceType":"Patient","id":"1","active":true}').and.include('PATIENT_NOT_FOUND')
    expect(suites.trim().split('\n')).to.deep.equal([
      'Ciphersuite: ECDHE-RSA-AES256-GCM-SHA384',
      'Ciphersuite: DHE-RSA-AES256-SHA256',
      ...['refused', 'refused', 'refused'],
    ])
    expect(records.slice(0, 4).map(({ status, errorCode }) => [status, errorCode])).to.deep.equal([
      [200, null],
      [404, 'PATIENT_NOT_FOUND'],
      [400, 'BAD_REQUEST'],
      [null, 'CERT_REVOKED'],
    ])
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

function unquoted(cell: string): string {
  return cell.replaceAll('`', '')
}

/** The code blocks of a language. */
function blocks(language: string): string[] {
  return [...README.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  )
}

/** Whether there is a case, or a file with a title, of this name. An ellipsis stands for the rest of it. */
function isTest(name: string): boolean {
  const [, file, title = ''] = /^([a-z/-]+\.test\.ts): (.*)$/.exec(name) ?? []
  const rest = (text: string): string => (name.endsWith('…') ? text.slice(0, -1) : text)
  const fits = (text: string, wanted: string): boolean =>
    name.endsWith('…') ? text.startsWith(rest(wanted)) : text === wanted
  if (file === undefined) return CASES.some((id) => fits(id, name))
  const source = readFileSync(new URL(`test/${file}`, PACKAGE), 'utf8')
  return [...source.matchAll(/\b(?:it|describe)\((['`])(.*?)\1,/g)].some(([, , one = '']) => fits(one, title))
}

function outputOf(command: string, args: readonly string[], options: SpawnOptionsWithoutStdio): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, options)
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
      })
    child.once('close', () => resolve(output))
  })
}
