/** Expressions of Prometheus, as its own grammar reads them. */
import { parser } from '@prometheus-io/lezer-promql'

/** What an expression asks for, and whether it is one. */
export interface Expression {
  readonly isValid: boolean
  readonly metrics: ReadonlySet<string>
  /** Labels it selects or groups by. */
  readonly labels: ReadonlySet<string>
}

/** Parses it. Grafana's own variables are given values first. */
export function parseExpression(text: string): Expression {
  const expression = text.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', 'ns')
  const metrics = new Set<string>()
  const labels = new Set<string>()
  let isValid = true
  parser.parse(expression).iterate({
    enter({ type, from, to }) {
      const word = expression.slice(from, to)
      if (type.isError) isValid = false
      if (type.name === 'Identifier') metrics.add(word)
      if (type.name === 'LabelName') labels.add(word)
    },
  })
  return { isValid, metrics, labels }
}
