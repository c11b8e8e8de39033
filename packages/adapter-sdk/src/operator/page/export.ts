/** Sends what a filter matches as CSV or JSON: ids, codes and times, row by row while the store is read. */
import { Readable } from 'node:stream'
import type { Middleware } from 'koa'
import type { Entry } from '../../store/entry.ts'
import { csvHead, csvRows } from '../csv.ts'
import { filterOf } from './filter.ts'
import { type OperatorParts, type Show, showProblem } from './parts.ts'

/** A format of an export. */
export type Format = 'csv' | 'json'

/** Never holds more than a step of the store, and stops reading it when the client is gone. */
export function exportSubmissions({ ledger }: OperatorParts, show: Show, format: Format): Middleware {
  return async (ctx) => {
    const { filter, problems } = filterOf(ctx.URL.searchParams)
    if (problems.length > 0) {
      showProblem(ctx, show, 422, problems.map(({ text }) => text).join('. '))
      return
    }
    const steps = ledger.everyMatch(filter)
    // What fails at once is still a page.
    const first = await steps.next()
    const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-')
    ctx.attachment(`submissions-${time}.${format}`)
    ctx.type = TYPES[format]
    if (ctx.method === 'HEAD') {
      await steps.return(undefined)
      ctx.status = 200
      return
    }
    ctx.body = Readable.from(WRITERS[format](joined(first, steps)), { objectMode: false, highWaterMark: 65_536 })
  }
}

const TYPES = { csv: 'text/csv; charset=utf-8; header=present', json: 'application/json; charset=utf-8' } as const

async function* joined(
  first: IteratorResult<readonly Entry[]>,
  rest: AsyncGenerator<readonly Entry[]>,
): AsyncGenerator<readonly Entry[]> {
  try {
    if (first.done === true) return
    yield first.value
    yield* rest
  } finally {
    await rest.return(undefined)
  }
}

const COLUMNS = {
  submissionId: (entry: Entry) => entry.submissionId,
  form: (entry: Entry) => entry.form,
  serviceSlug: (entry: Entry) => entry.serviceSlug,
  state: (entry: Entry) => entry.state,
  uncertain: (entry: Entry) => entry.uncertain,
  code: (entry: Entry) => entry.code,
  reference: (entry: Entry) => entry.reference,
  attempts: (entry: Entry) => entry.attempts,
  files: (entry: Entry) => entry.files,
  missingFiles: (entry: Entry) => entry.missingFiles,
  receivedAt: (entry: Entry) => entry.receivedAt,
  changedAt: (entry: Entry) => entry.changedAt,
  nextAttemptAt: (entry: Entry) => (entry.state === 'waiting' ? entry.dueAt : null),
  id: (entry: Entry) => entry.id,
} as const

const WRITERS = {
  /** RFC 4180. */
  async *csv(steps: AsyncGenerator<readonly Entry[]>) {
    const columns = Object.entries(COLUMNS)
    yield csvHead(columns)
    for await (const entries of steps) yield csvRows(columns, entries)
  },
  async *json(steps: AsyncGenerator<readonly Entry[]>) {
    let separator = '[\n'
    for await (const entries of steps) {
      yield entries
        .map((entry) => {
          const row = Object.entries(COLUMNS).map(([name, of]) => [name, of(entry)])
          const text = `${separator}${JSON.stringify(Object.fromEntries(row))}`
          separator = ',\n'
          return text
        })
        .join('')
    }
    yield separator === '[\n' ? '[]\n' : '\n]\n'
  },
}
