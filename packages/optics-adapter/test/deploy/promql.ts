/** Parses PromQL expressions with the grammar that Prometheus publishes. */
import { parser } from '@prometheus-io/lezer-promql'

/** Whether an expression is valid, and which metrics and labels it uses. */
export interface Expression {
  readonly isValid: boolean
  readonly metrics: ReadonlySet<string>
  /** Labels that it selects or groups by. */
  readonly labels: ReadonlySet<string>
}

/** Parses an expression, after replacing Grafana's variables with values. */
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
