/** The Prometheus metrics of an adapter: counters of events, and gauges that are read at each scrape. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Emit } from '../events.ts'
import { counters } from './counters.ts'
import { gauges, type MetricSources } from './gauges.ts'
import { liveGauges } from './live-gauges.ts'
import type { LabelSets } from './metric-labels.ts'

/** The metrics of one adapter, in a registry of its own. */
export interface Metrics {
  readonly record: Emit
  /** Returns the text of a scrape, which starts with the three gauges of the live deployment. */
  read(): Promise<string>
}

/** Creates the metrics. `sets`: every value that a label may have. */
export function createMetrics(sets: LabelSets, sources: MetricSources): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const record = counters(registry, sets)
  const present = gauges(registry, sets)
  let scraping: Promise<string> | undefined

  async function scrape(): Promise<string> {
    const [counts, keys, waitingForFiles, forms] = await Promise.all([
      sources.counts().catch(() => undefined),
      sources.keys().catch(() => undefined),
      sources.waitingForFiles().catch(() => undefined),
      sources.forms().catch(() => undefined),
    ])
    present.set(sources, { counts, keys, waitingForFiles, forms })
    const text = await registry.metrics()
    return counts === undefined ? text : `${liveGauges(counts)}\n${text}`
  }

  return {
    record,
    // Scrapes at the same time share one query of the store.
    read() {
      scraping ??= scrape().finally(() => {
        scraping = undefined
      })
      return scraping
    },
  }
}
