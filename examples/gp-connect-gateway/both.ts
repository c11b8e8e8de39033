/** Starts the system in Python and the gateway, each on a free port where the environment names none, and ends them together. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const folder = mkdtempSync(join(tmpdir(), 'gp-connect-gateway-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const secretFile = join(folder, 'claims.secret')
writeFileSync(secretFile, randomBytes(48).toString('base64'), { mode: 0o600 })

const system = start('python3', ['system.py'], ['ignore', 'pipe', 'inherit'], {
  CLAIMS_SECRET_FILE: secretFile,
  PORT: '0',
})
const port = await portOf(system)

const example = JSON.parse(readFileSync(join(import.meta.dirname, 'provider.json'), 'utf8'))
const at = (path: string) => resolve(import.meta.dirname, path)
const { client } = example.server
const ownPort = Number(process.env['PORT'] ?? example.server.port)
const configuration = {
  ...example,
  publicUrl: `https://localhost:${ownPort}`,
  audit: { file: at(process.env['AUDIT_FILE'] ?? example.audit.file) },
  server: {
    ...example.server,
    port: ownPort,
    certFile: at(example.server.certFile),
    keyFile: at(example.server.keyFile),
    client: { ...client, caFiles: client.caFiles.map(at), crlFiles: client.crlFiles.map(at) },
  },
  upstream: { url: `http://127.0.0.1:${port}`, secretFile },
  health: { port: 0 },
}
const file = join(folder, 'provider.json')
writeFileSync(file, JSON.stringify(configuration))
const command = at('../../packages/gp-connect-provider/bin/gp-connect-provider.cjs')
start(process.execPath, [command, 'gateway', '--config', file], 'inherit')

/** Starts one of the two. When it ends, so does the other. */
function start(
  program: string,
  words: readonly string[],
  stdio: 'inherit' | ('ignore' | 'pipe' | 'inherit')[],
  environment: Record<string, string> = {},
): ChildProcess {
  const child = spawn(program, words, { cwd: import.meta.dirname, stdio, env: { ...process.env, ...environment } })
  const end = () => child.kill('SIGTERM')
  process.on('exit', end)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  child.on('error', ({ message }) => fail(`${program} cannot be started: ${message}`))
  child.on('exit', (code) => process.exit(code ?? 0))
  return child
}

async function portOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) fail('the system has no output')
  for await (const line of createInterface(stdout)) {
    const [, found] = /listening on (\d+)/.exec(line) ?? []
    if (found !== undefined) return found
  }
  return fail('the system has ended')
}

function fail(why: string): never {
  console.error(why)
  process.exit(1)
}
