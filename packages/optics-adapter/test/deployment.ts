/** One adapter process with everything around it: certificates, a stand-in for Optics, a file store and a sender. */

import { createCipheriv, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxiosInstance, AxiosResponse } from 'axios'
import { CompactEncrypt } from 'jose'
import { freePort } from '../../adapter-sdk/test/free-port.ts'
import { type OpticsStandIn, startOpticsStandIn } from '../src/stand-in/index.ts'
import { type AdapterProcess, httpClient, ready, spawnAdapter } from './adapter-process.ts'
import { KEYS } from './optics-client.ts'
import { localhostPki } from './pki.ts'

/** The key that encrypted the recorded submissions. */
export const SHARED_KEY = '5d6dc7fc083ea4f0'

export interface Deployment extends AsyncDisposable {
  readonly adapter: AdapterProcess
  readonly standIn: OpticsStandIn
  /** Sends requests to the adapter, and accepts every status as an answer. */
  readonly http: AxiosInstance
  /** Sends a submission as Form Builder does. */
  send(path: string, submission: unknown): Promise<AxiosResponse>
  /** Encrypts a file into the file store, and returns its entry in a submission. */
  put(content: Buffer, mimetype: string | null, filename: string | null): StoredFile
  /** Puts bytes into the file store unchanged, and returns their URL. */
  putStored(body: Buffer, status: number): string
}

export interface StoredFile {
  readonly url: string
  readonly encryption_key: string
  readonly encryption_iv: string
  readonly mimetype: string | null
  readonly filename: string | null
}

export async function deploy(settings: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'optics-adapter-'))
  const pki = await localhostPki()
  const pem = (name: 'ca' | 'cert' | 'key') => join(folder, `${name}.pem`)
  for (const name of ['ca', 'cert', 'key'] as const) await writeFile(pem(name), pki[name])

  const standIn = await startOpticsStandIn({ ...KEYS, tls: pki, ca: pki.ca })
  const stored = new Map<string, { body: Buffer; status: number }>()
  const store = createServer(pki, (request, response) => {
    const { body, status } = stored.get(request.url ?? '') ?? { body: Buffer.alloc(0), status: 404 }
    response.writeHead(status).end(body)
  }).listen(0, '127.0.0.1')
  await once(store, 'listening')
  const storeHost = `localhost:${(store.address() as AddressInfo).port}`

  const port = await freePort()
  const http = httpClient(`https://localhost:${port}`, new Agent({ ca: pki.ca }))
  const adapter = spawnAdapter({
    NODE_EXTRA_CA_CERTS: pem('ca'),
    PORT: String(port),
    HOST: `localhost:${port}`,
    TLS_CERT_FILE: pem('cert'),
    TLS_KEY_FILE: pem('key'),
    DATA_DIR: join(folder, 'data'),
    JWE_SHARED_KEY: SHARED_KEY,
    ATTACHMENT_HOSTS: storeHost,
    OPTICS_ENDPOINT: standIn.url,
    OPTICS_API_KEY: KEYS.apiKey,
    OPTICS_SECRET_KEY: KEYS.secretKey,
    OPTICS_TIME_ZONE: 'UTC',
    COMMENT_TYPE: '1801265',
    METRICS_AUTH_USERNAME: 'dhh',
    METRICS_AUTH_PASSWORD: 'secret',
    ...settings,
  })
  const putStored = (body: Buffer, status: number) => {
    const path = `/${randomUUID()}`
    stored.set(path, { body, status })
    return `https://${storeHost}${path}`
  }
  const deployment: Deployment = {
    adapter,
    standIn,
    http,
    async send(path, submission) {
      const jwe = await new CompactEncrypt(Buffer.from(JSON.stringify(submission)))
        .setProtectedHeader({ alg: 'dir', enc: 'A128GCM' })
        .encrypt(Buffer.from(SHARED_KEY))
      return http.post(path, jwe, { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } })
    },
    put(content, mimetype, filename) {
      const [key, iv] = [randomBytes(32), randomBytes(16)]
      const cipher = createCipheriv('aes-256-cbc', key, iv)
      const hex = Buffer.concat([cipher.update(content), cipher.final()]).toString('hex')
      const encryption = { encryption_key: key.toString('base64'), encryption_iv: iv.toString('base64') }
      return { url: putStored(Buffer.from(hex), 200), ...encryption, mimetype, filename }
    },
    putStored,
    async [Symbol.asyncDispose]() {
      await adapter[Symbol.asyncDispose]()
      await standIn.stop()
      store.close()
      store.closeAllConnections()
      await rm(folder, { recursive: true, force: true })
    },
  }
  try {
    await ready(adapter, http)
    return deployment
  } catch (error) {
    await deployment[Symbol.asyncDispose]()
    throw error
  }
}
