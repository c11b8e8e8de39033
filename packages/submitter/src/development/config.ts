/** The settings with which an adapter starts on a developer's machine. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { Environment } from '@formbuilder/adapter-sdk'
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'

/** What stays the same over all restarts of one `develop`. */
export interface Fixed {
  readonly port: number
  readonly adminPort: number
  /** Where files may be served from: the one port of this machine that is in `ATTACHMENT_HOSTS`. */
  readonly filesPort: number
  readonly password: string
}

/** Chooses ports that are free, and a password. */
export async function chooseFixed(given: Environment): Promise<Fixed> {
  const { PORT, ADMIN_PORT } = given
  const port = PORT && PORT !== '0' ? Number(PORT) : await nextFree(FIRST_PORT)
  const adminPort = ADMIN_PORT && ADMIN_PORT !== '0' ? Number(ADMIN_PORT) : await nextFree(port + 1)
  const filesPort = await nextFree(Math.max(port, adminPort) + 1)
  return { port, adminPort, filesPort, password: randomBytes(12).toString('base64url') }
}

/** The settings in `.env`, and over them those of this process. An empty one is not set. */
export function givenSettings(project: string): Environment {
  const file = join(project, '.env')
  const written = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {}
  return { ...withoutEmpty(written), ...withoutEmpty(process.env) }
}

/** All settings of a start: those given stand over those of the project's `dev` program, and these over the SDK's own. */
export async function settingsOfStart(
  folder: string,
  fixed: Fixed,
  usual: Environment,
  given: Environment,
): Promise<Environment> {
  const settings = await developmentEnvironment(folder, {
    ADMIN_AUTH_USERNAME: 'developer',
    ADMIN_AUTH_PASSWORD: fixed.password,
    ...usual,
    ...given,
    PORT: String(fixed.port),
    ADMIN_PORT: String(fixed.adminPort),
  })
  const hosts = [settings['ATTACHMENT_HOSTS'], `localhost:${fixed.filesPort}`].filter(Boolean).join(',')
  return { ...settings, ATTACHMENT_HOSTS: hosts, NODE_EXTRA_CA_CERTS: trusted(folder, given['NODE_EXTRA_CA_CERTS']) }
}

/** Whether npm runs this process as a script. */
export function isScript(): boolean {
  return process.env['npm_lifecycle_event'] !== undefined
}

const FIRST_PORT = 3000

function withoutEmpty(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
}

async function nextFree(from: number): Promise<number> {
  for (let port = from; ; port++) {
    const server = createServer()
    const taken = once(server, 'error').then(() => true)
    const listening = once(server.listen(port, '127.0.0.1'), 'listening').then(() => false)
    if (await Promise.race([taken, listening])) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** The file that Node takes authorities from is one: what this machine trusts already stays in it. */
function trusted(folder: string, given: string | undefined): string {
  const own = resolve(folder, 'certificate.pem')
  // Node passes over a file that is not there.
  if (given === undefined || !existsSync(given)) return own
  const both = resolve(folder, 'authorities.pem')
  writeFileSync(both, [given, own].map((file) => readFileSync(file, 'utf8').trimEnd()).join('\n'))
  return both
}
