/** An adapter whose handlers fail in every way, with errors that quote the citizen. It reads its settings from the environment. */
import { readFileSync } from 'node:fs'
import { parse } from 'node:url'
import axios from 'axios'
import { z } from 'zod'
import { createAdapter } from '../src/adapter.ts'
import { PermanentError, UncertainError } from '../src/errors.ts'
import type { Context } from '../src/form.ts'
import { openStore } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'

/** What the handler does, by the `deed` in the answers. `said`: what the citizen wrote. */
const DEEDS: Readonly<Record<string, (said: string, context: Context) => Promise<void>>> = {
  async deliver() {},
  async foreign(said) {
    throw new TypeError(`cannot read ${said}`, { cause: new Error(said) })
  },
  async coded(said) {
    throw Object.assign(new Error(said), { code: `E ${said}`, name: said, answers: said })
  },
  async aggregate(said) {
    throw new AggregateError([new Error(said)], said)
  },
  async string(said) {
    throw said
  },
  async object(said) {
    throw { message: said, stack: said, code: said }
  },
  async permanent(said) {
    throw new PermanentError('name has no place in the case system', { cause: new Error(said), code: said })
  },
  async uncertain(said) {
    throw new UncertainError('no answer to name', { cause: new Error(said) })
  },
  async http(said) {
    const auth = { username: said, password: said }
    await axios.post(`${process.env['CASEWORK_URL']}/${encodeURIComponent(said)}`, { said }, { auth, proxy: false })
  },
  async timeout(_said, { signal }) {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  },
  async logged(said, { log }) {
    const error = Object.assign(new Error(said, { cause: new Error(said) }), { answers: { said } })
    log.error(error)
    log.warn({ err: error }, 'the case system says no')
    log.info({ error, cause: error }, 'the case system says no')
  },
  async warned(said) {
    process.emitWarning(said, { code: 'MARKED', detail: said })
    process.emitWarning(new Error(said))
    parse(`https://${said.replaceAll(' ', '-')}:port/`)
  },
  async crash(said) {
    const crashes: Readonly<Record<string, () => void>> = {
      reject: () => void Promise.reject(new Error(said, { cause: new Error(said) })),
      throw: () => {
        setTimeout(() => {
          throw Object.assign(new Error(said), { answers: said })
        })
      },
      memory: () => {
        const all: string[][] = []
        for (;;) all.push(Array.from({ length: 100_000 }, (_, i) => `${said} ${i}`))
      },
    }
    crashes[process.env['CRASH'] ?? '']?.()
    await new Promise(() => undefined)
  },
}

const Answers = z.object({ deed: z.string(), name: z.string(), mood: z.literal('calm').optional() })

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      answers: Answers,
      timeoutSeconds: 1,
      async handle({ submissionAnswers: { deed, name } }, context) {
        await DEEDS[deed]?.(name, context)
      },
    },
  },
})
adapter.app.use(async (ctx, next) => {
  if (ctx.path === '/own') throw new Error(`a route of one's own failed on ${ctx.querystring}`)
  await next()
})

/** A store that fails for submissions with a certain id, with errors that quote the row as PostgreSQL's do. */
function failing(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value = target[name as keyof Store]
      if (typeof value !== 'function') return value
      return async (...values: unknown[]) => {
        const text = JSON.stringify(values) ?? ''
        if (!text.includes('store-fails')) return await (value as (...all: unknown[]) => unknown).apply(target, values)
        const quoted = { detail: `Failing row contains (${text})`, query: text, parameters: values, where: text }
        throw Object.assign(new Error(`invalid input: ${text}`), { code: '22P02', ...quoted })
      }
    },
  })
}

const running = await adapter.start({
  // What is lost is lost sooner.
  leaseSeconds: 5,
  attachmentAuthorities: [readFileSync(process.env['TLS_CERT_FILE'] ?? '', 'utf8')],
  store: async (options) =>
    failing(await openStore({ DATABASE_URL: process.env['DATABASE_URL'], DATA_DIR: process.env['DATA_DIR'] }, options)),
})
process.send?.({ port: running.port, adminPort: running.adminPort })
