import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { chartReadme, chartValues } from '../../../../docs/reference/chart.ts'
import { find, lintChart, type Manifest, notesOf, podOf, renderChart } from './chart.ts'

const NAME = 'hmcts-complaints-formbuilder-adapter'
const ROOT = new URL('../../../../', import.meta.url).pathname
const CHART = new URL('../../deploy/chart/', import.meta.url)

describe('the values of the chart', () => {
  it('pass helm lint as they are', async () => {
    const output = await lintChart()

    expect(output).to.contain('1 chart(s) linted, 0 chart(s) failed').and.not.contain('[WARNING]')
  })

  for (const [wrong, named] of [
    ['worker.replicas=two', 'worker.replicas: Invalid type'],
    ['worker.replicas=-1', 'worker.replicas: Must be greater than or equal to 0'],
    ['web.targetCpuPercent=101', 'web.targetCpuPercent: Must be less than or equal to 100'],
    ['web.resources.limits.memory=384M', 'web.resources.limits.memory: Does not match'],
    ['hasIngress=yes', 'hasIngress: Invalid type'],
    ['host=https://example.gov.uk', 'host: Does not match'],
    ['image.tag=latest', 'image.tag: Must not validate'],
    ['egress.files.networks={files.example.gov.uk}', 'egress.files.networks.0: Does not match'],
    // A destination without networks would be every address.
    ['egress.caseSystem.networks=null', 'egress.caseSystem: networks is required'],
    ['egress.database=null', 'egress: database is required'],
    ['monitoring.runbook=none', 'monitoring.runbook: Does not match'],
    ['wokrer.replicas=1', 'Additional property wokrer is not allowed'],
    ['database.secretname=x', 'Additional property secretname is not allowed'],
    ['settings.log_level=info', 'Property name of "log_level" does not match'],
    ['settings.OPTICS_API_KEY=x', 'Property name of "OPTICS_API_KEY" does not match'],
    ['settings.JWE_SHARED_KEY__COMPLAINT=x', 'Property name of "JWE_SHARED_KEY__COMPLAINT" does not match'],
    ['settings.ADAPTER_ROLE=all', 'Property name of "ADAPTER_ROLE" does not match'],
  ] as const)
    it(`are refused by name: ${wrong}`, async () => {
      const error = await renderChart('production', [wrong]).catch((thrown: Error) => thrown)

      expect(String(error)).to.contain(named)
    })

  it('each have a form', () => {
    const schema = JSON.parse(readFileSync(new URL('values.schema.json', CHART), 'utf8')) as Schema

    const without = chartValues(ROOT).filter(({ path }) => !hasForm(schema, path.split('.')))

    expect(without.map(({ path }) => path)).to.deep.equal([])
  })

  it('each have a meaning, in a README that is made from them', () => {
    const without = chartValues(ROOT).filter(({ meaning }) => meaning === '')

    expect(without.map(({ path }) => path)).to.deep.equal([])
    expect(chartValues(ROOT).length).to.be.greaterThan(40)
    expect(readFileSync(new URL('README.md', CHART), 'utf8')).to.equal(chartReadme(ROOT))
  })
})

describe('what the chart gives each role', () => {
  let manifests: Manifest[]
  before(async () => {
    manifests = await renderChart('production', ['settings.OTEL_EXPORTER_OTLP_ENDPOINT=http://10.1.2.3:4318', ...OTLP])
  })

  it('gives the keys of the case system to workers only', () => {
    const keys = (role: string) =>
      podOf(find(manifests, 'Deployment', `${NAME}-${role}`))
        .container.env.map(({ name }) => name)
        .filter((name) => /^OPTICS_/.test(name))

    expect(keys('api')).to.deep.equal([])
    expect(keys('worker')).to.have.members(['OPTICS_API_KEY', 'OPTICS_SECRET_KEY', 'OPTICS_ENDPOINT'])
  })

  for (const role of ['api', 'worker'])
    it(`spreads ${role} over zones and lets one pod at a time be evicted`, () => {
      const { spec } = find(manifests, 'PodDisruptionBudget', `${NAME}-${role}`)
      const { pod } = podOf(find(manifests, 'Deployment', `${NAME}-${role}`))

      expect(spec).to.deep.equal({ maxUnavailable: 1, selector: { matchLabels: { app: `${NAME}-${role}` } } })
      expect(pod['topologySpreadConstraints']).to.deep.include.members([
        {
          maxSkew: 1,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: `${NAME}-${role}` } },
        },
      ])
    })

  it('opens to each role what it needs, and the case system to workers only', async () => {
    const narrow = await renderChart('production', [
      'egress.caseSystem.networks={198.51.100.0/24}',
      'egress.files.networks={203.0.113.0/24}',
      'egress.sentry.networks={192.0.2.0/24}',
      'hasSentry=true',
      ...OTLP,
    ])
    const database = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((cidr) => `${cidr}:5432`)
    const common = ['dns:53', ...database, '203.0.113.0/24:443', '192.0.2.0/24:443', '10.1.2.3/32:4318']

    expect(reached(narrow, 'api')).to.have.members(common)
    expect(reached(narrow, 'worker')).to.have.members([...common, '198.51.100.0/24:443'])
  })

  it('opens neither Sentry nor OTLP unless configured, and refuses OTLP without a network', async () => {
    const plain = await renderChart('production', ['egress.sentry.networks={192.0.2.0/24}'])
    const error = await renderChart('production', ['settings.OTEL_EXPORTER_OTLP_ENDPOINT=http://otlp']).catch(String)

    expect(reached(plain, 'api').join()).not.to.match(/192\.0\.2|4318/)
    expect(error).to.contain('egress.otlp.networks is required')
  })

  it('keeps the addresses that describe a cloud machine closed', () => {
    const open = JSON.stringify(find(manifests, 'NetworkPolicy', `${NAME}-api-egress`)).match(/"0\.0\.0\.0\/0"/g) ?? []
    const closed = JSON.stringify(find(manifests, 'NetworkPolicy', `${NAME}-api-egress`)).match(/"169\.254\.0\.0\/16"/g)

    expect(open.length).to.be.greaterThan(0)
    expect(closed).to.have.length(open.length)
  })

  it('tests the service with a pod that has no secret and no metrics', () => {
    const pod = find(manifests, 'Pod', `${NAME}-test`)

    expect(pod.metadata.annotations).to.include({ 'helm.sh/hook': 'test' })
    expect(JSON.stringify(pod)).to.contain(`http://${NAME}-api:3000/readiness`)
    expect(JSON.stringify(pod)).not.to.match(/secret|part-of/i)
  })

  for (const [status, code] of [
    [200, 0],
    [503, 1],
  ] as const)
    it(`says with exit code ${code} that the service answered ${status}`, async () => {
      const { args } = podOf({
        ...find(manifests, 'Pod', `${NAME}-test`),
        spec: { template: find(manifests, 'Pod', `${NAME}-test`) },
      }).container as never as { args: [string] }
      const server = createServer((asked, response) => {
        response.statusCode = asked.url === '/readiness' ? status : 404
        response.end()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const ADDRESS = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readiness`

      const child = spawn(process.execPath, ['-e', args[0]], { env: { ADDRESS }, stdio: 'ignore' })
      const [exit] = await once(child, 'exit')
      server.close()

      expect(exit).to.equal(code)
    })

  it('counts the connections of all pods and refuses more than the database has', async () => {
    const notes = await notesOf(['settings.DATABASE_CONNECTIONS=4'])
    const fits = await notesOf(['database.connectionLimit=110'])
    const error = await renderChart('production', ['database.connectionLimit=109']).catch(String)

    // 6 web pods, 2 workers and one more of each: 10 pods.
    expect(notes).to.contain('open up to 50 connections')
    expect(fits).to.contain('open up to 110 connections')
    expect(error).to.contain('database.connectionLimit (109) is less than the 110 connections of all pods')
  })

  it('says after an installation what to run next, and only what is there', async () => {
    const [all, less] = await Promise.all([notesOf(), notesOf(['hasIngress=false', 'hasOperatorPage=false'])])

    expect(all).to.contain('helm test adapter -n here').and.contain('port-forward').and.contain('/v1/<form>')
    expect(less).to.contain('There is no ingress').and.not.contain('port-forward')
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly type?: string
  readonly $ref?: string
  readonly propertyNames?: unknown
}

const OTLP = ['egress.otlp.networks={10.1.2.3/32}']

/** Whether the schema says what stands at a path: a type, and not only that there may be something. */
function hasForm(schema: Schema, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined) return schema.type !== undefined || schema.$ref !== undefined
  if (schema.propertyNames !== undefined) return true
  const next = schema.properties?.[name]
  return next !== undefined && hasForm(next, rest)
}

/** What the egress policy of a role opens, as `network:port`. */
function reached(manifests: readonly Manifest[], role: string): string[] {
  const { egress } = find(manifests, 'NetworkPolicy', `${NAME}-${role}-egress`).spec as {
    egress: { to: { ipBlock?: { cidr: string } }[]; ports: { port: number }[] }[]
  }
  return egress.flatMap(({ to, ports }) => to.map(({ ipBlock }) => `${ipBlock?.cidr ?? 'dns'}:${ports[0]?.port}`))
}
