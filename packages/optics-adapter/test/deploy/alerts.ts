/** Evaluates the alert rules of the chart on scrapes of the metrics, as Prometheus would. */
import { find, renderChart } from './chart.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Scrape {
  readonly atSeconds: number
  readonly samples: readonly Sample[]
}

/** A rule that compares one metric, or its increase in a range of time, with a number. */
interface Condition {
  readonly alert: string
  /** Of `time() - ...`. */
  readonly isAge: boolean
  readonly how: keyof typeof AGGREGATES
  readonly by: readonly string[]
  readonly metric: string
  readonly selects: (sample: Sample) => boolean
  /** Undefined: the newest sample counts. */
  readonly rangeSeconds: number | undefined
  readonly comparison: keyof typeof COMPARISONS
  readonly limit: number
}

/**
 * Returns a function that takes each scrape in turn, with the time of the adapter under test in milliseconds, and names the
 * alerts whose condition holds then. A rule on an increase needs two scrapes. It ignores `for`, and rules of any other form.
 */
export async function alertRules(): Promise<(scraped: string, atMilliseconds?: number) => string[]> {
  const manifest = find(await renderChart('production'), 'PrometheusRule', 'hmcts-complaints-formbuilder-adapter')
  const { groups } = manifest.spec as { groups: readonly [{ rules: readonly Rule[] }] }
  const conditions = groups[0].rules.flatMap(conditionOf)
  const scrapes: Scrape[] = []
  return (scraped, atMilliseconds = Date.now()) => {
    scrapes.push({ atSeconds: atMilliseconds / 1000, samples: samplesOf(scraped) })
    return conditions.filter((condition) => holds(condition, scrapes)).map(({ alert }) => alert)
  }
}

const FORM =
  /^(time\(\) - )?(avg|max|min|sum)(?: by \(([\w, ]+)\))? ?\((increase\()?(\w+)\{(.*)\}(?:\[(\d+)([mh])\]\))?\) (>|<|==) ([\d.]+)$/

function conditionOf({ alert, expr }: Rule): Condition[] {
  const [, age, how, by = '', increase, metric, selector = '', count, unit, comparison, limit] = FORM.exec(expr) ?? []
  if (metric === undefined || (increase === undefined) !== (count === undefined)) return []
  return [
    {
      alert,
      isAge: age !== undefined,
      how: how as keyof typeof AGGREGATES,
      by: by.split(', ').filter(Boolean),
      metric,
      selects: selectorOf(selector),
      rangeSeconds: count === undefined ? undefined : Number(count) * (unit === 'h' ? 3600 : 60),
      comparison: comparison as keyof typeof COMPARISONS,
      limit: Number(limit),
    },
  ]
}

function holds(condition: Condition, scrapes: readonly Scrape[]): boolean {
  const { isAge, how, by, rangeSeconds, comparison, limit } = condition
  const newest = scrapes.at(-1) as Scrape // there is one: it was added before
  const samples = rangeSeconds === undefined ? selected(condition, newest) : increases(condition, rangeSeconds, scrapes)
  const groups = Map.groupBy(samples, ({ labels }) => by.map((label) => labels[label]).join())
  return [...groups.values()].some((each) => {
    const value = AGGREGATES[how](each.map((sample) => sample.value))
    return COMPARISONS[comparison](isAge ? newest.atSeconds - value : value, limit)
  })
}

function selected({ metric, selects }: Condition, { samples }: Scrape): Sample[] {
  return samples.filter((sample) => sample.name === metric && selects(sample))
}

/** How much each series has grown within the range. One that is not in two scrapes of it has no increase. */
function increases(condition: Condition, rangeSeconds: number, scrapes: readonly Scrape[]): Sample[] {
  const newest = scrapes.at(-1) as Scrape
  const within = scrapes.filter(({ atSeconds }) => atSeconds > newest.atSeconds - rangeSeconds)
  const series = Map.groupBy(
    within.flatMap((scrape) => selected(condition, scrape)),
    ({ labels }) => JSON.stringify(labels),
  )
  return [...series.values()].flatMap((points) => {
    const [first, ...later] = points as [Sample, ...Sample[]]
    if (later.length === 0) return []
    let [value, before] = [0, first.value]
    for (const point of later) {
      // A counter that is less than before has started anew with its process.
      value += point.value < before ? point.value : point.value - before
      before = point.value
    }
    return [{ ...first, value }]
  })
}

/** Whether a sample has the labels of a selector. Prometheus adds `namespace`. */
function selectorOf(text: string): (sample: Sample) => boolean {
  const matchers = [...text.matchAll(/(\w+)(=~|=)"([^"]*)"/g)].filter(([, label]) => label !== 'namespace')
  return ({ labels }) =>
    matchers.every(([, label = '', how, wanted = '']) => {
      const value = labels[label] ?? ''
      return how === '=' ? value === wanted : new RegExp(`^(?:${wanted})$`).test(value)
    })
}

const AGGREGATES = {
  avg: (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length,
  sum: (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0),
  max: (values: readonly number[]) => Math.max(...values),
  min: (values: readonly number[]) => Math.min(...values),
}

const COMPARISONS = {
  '>': (value: number, limit: number) => value > limit,
  '<': (value: number, limit: number) => value < limit,
  '==': (value: number, limit: number) => value === limit,
}

function samplesOf(scraped: string): Sample[] {
  return [...scraped.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = '', labels = '', value]) => ({
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', text = '']) => [label, text]),
    ),
    value: Number(value),
  }))
}
