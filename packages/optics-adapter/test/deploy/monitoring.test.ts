import { readFileSync } from 'node:fs'
import { createAdapter, ERRORS } from '@formbuilder/adapter-sdk'
import { startTestAdapter } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { OPTICS_ERRORS } from '../../src/errors.ts'
import { find, renderChart } from './chart.ts'
import { parseExpression } from './promql.ts'
import { KNOWN_SETTINGS } from './settings.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly message: string; readonly runbook_url: string }
}

interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

interface Panel {
  readonly id: number
  readonly gridPos: Place
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const TELEMETRY = new URL('../../../adapter-sdk/src/telemetry/', import.meta.url)

describe('the dashboard and the alerts', () => {
  const existing = new Set<string>()
  /** The labels that Prometheus adds or that every histogram has, and those of the SDK. */
  const labels = new Set(['namespace', 'pod', 'le'])
  let rules: readonly Rule[]
  const dashboard = JSON.parse(
    readFileSync(new URL('../../deploy/grafana/dashboard.json', import.meta.url), 'utf8'),
  ) as {
    panels: readonly Panel[]
  }
  const runbook = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8')

  before(async () => {
    await using adapter = await startTestAdapter(
      createAdapter({ forms: { complaint: { path: '/v2/complaint', handle: async () => undefined } } }),
      { environment: { METRICS_AUTH_USERNAME: 'user', METRICS_AUTH_PASSWORD: 'password' } },
    )
    const Authorization = `Basic ${Buffer.from('user:password').toString('base64')}`
    const { text } = await adapter.request('GET', '/metrics', { headers: { Authorization } })
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      existing.add(name)
      if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) existing.add(`${name}_${part}`)
    }
    const sources = ['metrics.ts', 'metric-labels.ts'].map((file) => readFileSync(new URL(file, TELEMETRY), 'utf8'))
    for (const [, name = ''] of sources.join().matchAll(/LabelName =(.*?)\n\n/gs))
      for (const [, label = ''] of name.matchAll(/'(\w+)'/g)) labels.add(label)
    const manifest = find(await renderChart('production'), 'PrometheusRule', 'hmcts-complaints-formbuilder-adapter')
    rules = (manifest.spec as { groups: [{ rules: Rule[] }] }).groups[0].rules
  })

  const check = (expressions: readonly (readonly [string, string])[]) =>
    expressions.flatMap(([where, text]) => {
      const { isValid, metrics, labels: used } = parseExpression(text)
      return [
        ...(isValid ? [] : [`${where}: not a valid expression`]),
        ...(metrics.size > 0 ? [] : [`${where}: uses no metric`]),
        ...[...metrics].filter((name) => !existing.has(name)).map((name) => `${where}: ${name} does not exist`),
        ...[...used].filter((name) => !labels.has(name)).map((name) => `${where}: the label ${name} does not exist`),
      ]
    })

  it('have panels with ids of their own, none of which covers another', () => {
    const covered = dashboard.panels.flatMap((panel, i) =>
      dashboard.panels.slice(i + 1).flatMap((other) => (isCovered(panel.gridPos, other.gridPos) ? [other.title] : [])),
    )

    expect(new Set(dashboard.panels.map(({ id }) => id)).size).to.equal(dashboard.panels.length)
    expect(covered).to.deep.equal([])
  })

  it('use only metrics and labels that exist', () => {
    const drawn = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const))

    expect(check(drawn)).to.deep.equal([])
    expect(check(rules.map(({ alert, expr }) => [alert, expr]))).to.deep.equal([])
    expect(drawn.length).to.be.greaterThan(40)
  })

  it('are checked strictly: the check finds a renamed metric, an unknown label and an invalid expression', () => {
    expect(check([['x', 'sum(formbuilder_gone_total) > 0']])).to.deep.equal([
      'x: formbuilder_gone_total does not exist',
    ])
    expect(check([['x', 'sum by (name) (formbuilder_store_up)']])).to.deep.equal(['x: the label name does not exist'])
    expect(check([['x', 'sum(formbuilder_store_up']])).to.deep.equal(['x: not a valid expression'])
  })

  it('show every metric of the adapter', () => {
    const used = dashboard.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => [...parseExpression(expr).metrics]),
    )
    const shown = new Set(used.map((name) => name.replace(/_(bucket|sum|count)$/, '')))

    const missing = [...existing].filter(
      (name) => name.startsWith('formbuilder_') && !/_(bucket|sum|count)$/.test(name) && !shown.has(name),
    )

    expect(missing).to.deep.equal([])
  })

  it('link every alert to its section of the runbook', () => {
    const headings = new Set([...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase()))

    const missing = rules.filter(({ annotations }) => !headings.has(annotations.runbook_url.split('#')[1] ?? ''))

    expect(missing.map(({ alert }) => alert)).to.deep.equal([])
    expect(rules.map(({ alert }) => alert)).to.include.members([
      'AdapterDeadLetters',
      'AdapterCaseUnnamed',
      'AdapterOldestWaiting',
      'AdapterWaitingForFiles',
      'AdapterCertificateEnding',
      'AdapterRefusals',
      'AdapterUnmatched',
      'AdapterSubmissionsFailed',
    ])
  })

  it('are described by a runbook that names only existing metrics, settings and codes', () => {
    const words = [...runbook.matchAll(/`([^`\n]+)`/g)].flatMap(
      ([, code = '']) => code.match(/\b[A-Za-z]\w*_\w+\b/g) ?? [],
    )
    const codes = new Set(Object.keys({ ...ERRORS, ...OPTICS_ERRORS }))

    const settings = words.filter((word) => /^(?!ERR_)[A-Z][A-Z_]+$/.test(word.replace(/__COMPLAINT$/, '')))
    const unknown = [
      ...settings.map((word) => word.replace(/__COMPLAINT$/, '')).filter((word) => !KNOWN_SETTINGS.has(word)),
      ...words.filter((word) => /^ERR_\w+[A-Z]$/.test(word) && !codes.has(word)),
      ...words.filter((word) => /^(formbuilder|delayed_jobs)_[a-z_]+$/.test(word) && !existing.has(word)),
    ]
    // A schema of the database, and what terminals agree on.
    const others = ['formbuilder_files', 'FORCE_COLOR', 'NO_COLOR']
    expect(unknown.filter((word) => !others.includes(word))).to.deep.equal([])
    expect(settings.length).to.be.greaterThan(15)
  })

  it('keep the rule of the live deployment', () => {
    const rule = rules.find(({ alert }) => alert === 'AdapterSubmissionsFailed')

    expect(rule?.expr).to.equal(
      'avg(delayed_jobs_failed{namespace="hmcts-complaints-formbuilder-adapter-production"}) > 0',
    )
  })
})

function isCovered(one: Place, other: Place): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h
}
