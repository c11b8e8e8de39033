/** The README of the chart, made from the comments of its values. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'

/** A value of the chart: its path, what it is when it is not given, and its meaning. */
export interface ChartValue {
  readonly path: string
  readonly standard: string
  readonly meaning: string
}

/** All values, in the order of values.yaml. A map without a block of its own, such as `{ port: 443 }`, is one value. */
export function chartValues(root: string): readonly ChartValue[] {
  const { contents } = parseDocument(readFileSync(join(root, CHART, 'values.yaml'), 'utf8'))
  return isMap(contents) ? valuesOf(contents, '') : []
}

/** The text of the README. */
export function chartReadme(root: string): string {
  const rows = chartValues(root).map(({ path, standard, meaning }) => `| \`${path}\` | \`${standard}\` | ${meaning} |`)
  return `# Helm chart of the Optics adapter

Web pods receive submissions, worker pods create the cases. Only workers get the keys of the case system. \`npm run docs:tables\` writes this page from
\`values.yaml\`; \`values.schema.json\` has the form of each value, and Helm refuses a wrong one by its name.

\`\`\`sh
helm upgrade --install adapter packages/optics-adapter/deploy/chart -n $NS \\
  -f packages/optics-adapter/deploy/chart/values-production.yaml --set image.repository=$REGISTRY/optics-adapter,image.tag=$TAG
helm test adapter -n $NS
\`\`\`

\`helm test\` starts a pod without secrets that asks \`/readiness\` of the service. How to operate it all: [docs/operations.md](../../../../docs/operations.md).

The connections of all pods, (\`web.maxReplicas\` + \`worker.replicas\` + 2 during a release) × (\`DATABASE_CONNECTIONS\` + 1), have to stay below the
\`max_connections\` of the database: set \`database.connectionLimit\`, and the chart refuses more.

## Values

| value | default | meaning |
|---|---|---|
${rows.join('\n')}
`
}

const CHART = 'packages/optics-adapter/deploy/chart'

function valuesOf(map: YAMLMap, prefix: string): ChartValue[] {
  return map.items.flatMap((pair, index) => {
    const path = `${prefix}${keyOf(pair)}`
    const own = isScalar(pair.key) ? pair.key.commentBefore : undefined
    const before = own ?? (index === 0 ? map.commentBefore : undefined)
    const meaning = [before, isScalar(pair.value) ? pair.value.comment : undefined]
      .filter(Boolean)
      .map(oneLine)
      .join(' ')
    const isBlock = isMap(pair.value) && !pair.value.flow && !(meaning && pair.value.items.every(isFlow))
    if (isBlock) return valuesOf(pair.value as YAMLMap, `${path}.`)
    const value = isMap(pair.value) || !isScalar(pair.value) ? pair.value : pair.value.value
    return [{ path, standard: JSON.stringify(value), meaning }]
  })
}

const keyOf = ({ key }: Pair) => (isScalar(key) ? String(key.value) : '')
const isFlow = ({ value }: Pair) => isMap(value) && value.flow === true
/** The last paragraph: what stands before it, divided by an empty line, is about the file. */
const oneLine = (comment: string | null | undefined) =>
  (comment ?? '')
    .split(/\n\s*\n/)
    .at(-1)
    ?.replace(/\n/g, ' ')
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .trim() ?? ''
