/** Everything around the adapter: Optics, the platform and its files, the store, and the replicas. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKey } from '@formbuilder/adapter-sdk/protocol'
import { makeDevelopmentCertificate, TestFileStore } from '@formbuilder/adapter-sdk/testing'
import { type OpticsStandIn, startOpticsStandIn } from '@formbuilder/optics-adapter/stand-in'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { type Environment, Replica } from './processes.ts'
import { Sender } from './sender.ts'
import { postgresStore, type StoreUnderTest, sqliteStore } from './store.ts'

export interface World {
  readonly optics: OpticsStandIn
  readonly store: StoreUnderTest
  readonly replicas: readonly Replica[]
  readonly sender: Sender
  readonly fileStore: TestFileStore
  readonly sharedKey: string
  /** Aborted by `close`: what still waits then ends, or a test that failed would keep its process alive for ever. */
  readonly over: AbortSignal
  close(): Promise<void>
}

/** `count`: of replicas; default as many as the store may have here. */
export async function makeWorld(kind: StoreUnderTest['kind'], settings: Environment, count?: number): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const closers: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const end = new AbortController()
  const over = end.signal
  const close = async () => {
    end.abort(new Error('the test is over'))
    for (const each of closers.splice(0).reverse()) await each()
  }
  try {
    const certificate = await makeDevelopmentCertificate()
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    writeFileSync(certFile, certificate.cert)
    writeFileSync(keyFile, certificate.key)
    mkdirSync(join(folder, 'data'))
    const store = kind === 'sqlite' ? sqliteStore(folder) : await postgresStore(folder)
    closers.push(() => store.close())
    const optics = await startOpticsStandIn({ ...OPTICS_KEYS, tls: certificate, ca: certificate.cert })
    closers.push(() => optics.stop())
    const fileStore = await TestFileStore.start(certificate)
    closers.push(() => fileStore.stop())
    const sharedKey = generateKey(16)

    const replicas: Replica[] = []
    for (let made = 0; made < (count ?? store.mostReplicas); made++) {
      const port = await freePort()
      const environment = {
        HOST: `localhost:${port}`,
        LISTEN_HOST: '127.0.0.1',
        TLS_CERT_FILE: certFile,
        TLS_KEY_FILE: keyFile,
        NODE_EXTRA_CA_CERTS: certFile,
        JWE_SHARED_KEY: sharedKey,
        ATTACHMENT_HOSTS: fileStore.origin,
        OPTICS_ENDPOINT: optics.url,
        OPTICS_API_KEY: OPTICS_KEYS.apiKey,
        OPTICS_SECRET_KEY: OPTICS_KEYS.secretKey,
        OPTICS_TIMEOUT_SECONDS: '2',
        OPTICS_SETTLE_SECONDS: '3',
        RETRY_DELAY_SECONDS: '1',
        RETRY_DELAY_MAX_SECONDS: '2',
        STOP_GRACE_SECONDS: '10',
        LOG_LEVEL: 'debug',
        ...store.environment,
        ...settings,
      }
      const replica = new Replica(port, environment, certificate.cert)
      closers.push(() => replica.end())
      replicas.push(replica)
    }
    const ports = replicas.map(({ port }) => port)
    const sender = new Sender({ authority: certificate.cert, fileStore, sharedKey, ports, over })
    closers.push(() => sender.close())
    await Promise.all(replicas.map((replica) => replica.start()))
    return { optics, store, replicas, sender, fileStore, sharedKey, over, close }
  } catch (error) {
    await close()
    throw error
  }
}

const OPTICS_KEYS = { apiKey: 'an_api_key', secretKey: 'a_secret_key' }
