/** Evaluates the alert rules of the chart on one scrape of the metrics. */
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

/** Returns a function that names the alerts whose condition holds. It ignores `for`, and rules that look at a range of time. */
export async function alertRules(): Promise<(scraped: string) => string[]> {
  const manifest = find(await renderChart('production'), 'PrometheusRule', 'hmcts-complaints-formbuilder-adapter')
  const { groups } = manifest.spec as { groups: readonly [{ rules: readonly Rule[] }] }
  const rules = groups[0].rules.flatMap(({ alert, expr }) => {
    const [, how, by = '', metric, comparison, limit] = INSTANT.exec(expr) ?? []
    return metric === undefined
      ? []
      : [{ alert, how, by: by.split(', ').filter(Boolean), metric, comparison, limit: Number(limit) }]
  })
  return (scraped) => {
    const samples = samplesOf(scraped)
    return rules.flatMap(({ alert, how, by, metric, comparison, limit }) => {
      const groups = Map.groupBy(
        samples.filter(({ name }) => name === metric),
        ({ labels }) => by.map((label) => labels[label]).join(),
      )
      const values = [...groups.values()].map((each) =>
        AGGREGATES[how as keyof typeof AGGREGATES](each.map(({ value }) => value)),
      )
      const holds = COMPARISONS[comparison as keyof typeof COMPARISONS]
      return values.some((value) => holds(value, limit)) ? [alert] : []
    })
  }
}

const INSTANT = /^(avg|max|min|sum)(?: by \(([\w, ]+)\))? ?\((\w+)\{namespace="[\w-]+"\}\) (>|<|==) ([\d.]+)$/

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
