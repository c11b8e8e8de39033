import { loadConfig } from '@formbuilder/adapter-sdk'
import { LIMITS } from '@formbuilder/secure-server'
import { expect } from 'chai'
import { find, type Manifest, podOf, renderChart } from './chart.ts'
import { problemsOf } from './kubernetes-schema.ts'
import { KNOWN_SETTINGS } from './settings.ts'

const NAME = 'hmcts-complaints-formbuilder-adapter'

describe('the chart', () => {
  let production: Manifest[]
  before(async () => {
    production = await renderChart('production')
  })

  for (const [environment, settings] of [
    ['production', []],
    ['staging', []],
    ['production', ['hasPreviousKeys=true', 'hasSentry=true', 'hasOperatorPage=false', 'database.caConfigMap=']],
    ['staging', ['monitoring.enabled=false']],
  ] as const) {
    it(`is valid for Kubernetes: ${environment} ${settings.join(' ')}`, async () => {
      const manifests = await renderChart(environment, settings)

      const problems = await Promise.all(
        manifests.map(async (each) => (await problemsOf(each)).map((problem) => `${each.kind}: ${problem}`)),
      )

      expect(problems.flat()).to.deep.equal([])
      expect(manifests.length).to.equal(settings[0] === 'monitoring.enabled=false' ? 11 : 13)
    })
  }

  it('is checked strictly: the check finds a misspelt member and a wrong type', async () => {
    const deployment = structuredClone(find(production, 'Deployment', `${NAME}-api`)) as never as {
      spec: { replicas: unknown; template: { spec: { containers: { imagePulPolicy?: string }[] } } }
    }
    deployment.spec.replicas = 'two'
    ;(deployment.spec.template.spec.containers[0] as { imagePulPolicy?: string }).imagePulPolicy = 'Always'

    const problems = await problemsOf(deployment as never)

    expect(problems.join()).to.contain('/spec/replicas')
    expect(problems).to.include('/spec/template/spec/containers/0/imagePulPolicy is unknown')
  })

  it('keeps the object names of the live deployment', () => {
    const names = production.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    const ingress = find(production, 'Ingress', `${NAME}-api`).spec as { rules: [{ host: string }] }

    expect(names).to.include.members([
      `Deployment ${NAME}-api`,
      `Deployment ${NAME}-worker`,
      `Service ${NAME}-api`,
      `Ingress ${NAME}-api`,
      `HorizontalPodAutoscaler ${NAME}-api`,
    ])
    expect(ingress.rules[0].host).to.equal(`${NAME}-production.apps.live.cloud-platform.service.justice.gov.uk`)
  })

  it('can be installed beside the live deployment: shares no name, has no ingress', async () => {
    const beside = await renderChart('production', [
      'name=formbuilder-adapter',
      'hasIngress=false',
      'worker.replicas=0',
    ])

    const names = (manifests: readonly Manifest[]) => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(names(beside).filter((name) => names(production).includes(name))).to.deep.equal([])
    expect(JSON.stringify(beside)).not.to.match(/"(app|app.kubernetes.io\/part-of)":"hmcts-/)
    expect(beside.map(({ kind }) => kind)).not.to.include('Ingress')
    expect(find(beside, 'Deployment', 'formbuilder-adapter-worker').spec['replicas']).to.equal(0)
  })

  for (const role of ['api', 'worker']) {
    it(`gives ${role} only the rights that it needs`, () => {
      const { pod, container } = podOf(find(production, 'Deployment', `${NAME}-${role}`))

      expect(pod['securityContext']).to.deep.include({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      expect(pod['automountServiceAccountToken']).to.equal(false)
      expect(container.securityContext).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      })
    })

    it(`sets only known settings in ${role}, and no secret in clear`, async () => {
      const manifests = await renderChart('production', ['hasPreviousKeys=true', 'hasSentry=true'])
      const { env } = podOf(find(manifests, 'Deployment', `${NAME}-${role}`)).container

      // RDS_URL is used only to build DATABASE_URL.
      const unknown = env.map(({ name }) => name).filter((name) => name !== 'RDS_URL' && !KNOWN_SETTINGS.has(name))
      const inClear = env.filter(({ name, value }) => /KEY|PASSWORD|DSN/.test(name) && value !== undefined)
      expect(unknown).to.deep.equal([])
      expect(inClear).to.deep.equal([])
      expect(env.map(({ name }) => name)).to.include.members(['JWE_SHARED_KEY', 'JWE_PREVIOUS_KEYS', 'SENTRY_DSN'])
    })

    it(`lets ${role} stop gracefully before Kubernetes kills it`, () => {
      const { pod, container } = podOf(find(production, 'Deployment', `${NAME}-${role}`))
      const seconds = (name: string) => Number(container.env.find((each) => each.name === name)?.value)

      const needed = seconds('DRAIN_SECONDS') + seconds('STOP_GRACE_SECONDS')
      // The process itself gives up 15 s after that.
      expect(pod['terminationGracePeriodSeconds']).to.equal(needed + 15)
    })
  }

  it('has the time-outs of each hop in order: what waits for an answer waits longer, what may send ends first', () => {
    const { metadata } = find(production, 'Ingress', `${NAME}-api`) as never as {
      metadata: { annotations: Record<string, string> }
    }
    const { container } = podOf(find(production, 'Deployment', `${NAME}-api`))
    const probe = (container as never as { readinessProbe: Record<string, number> }).readinessProbe
    const { periodSeconds = 0, failureThreshold = 0, timeoutSeconds = 0 } = probe
    const settings = loadConfig({ JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn', TRUST_PROXY: '10.0.0.0/8' }, ['complaint'])
    const drain = Number(container.env.find(({ name }) => name === 'DRAIN_SECONDS')?.value)

    const read = Number(metadata.annotations['nginx.ingress.kubernetes.io/proxy-read-timeout'])
    expect(read).to.be.greaterThan(settings.ATTACHMENT_TIMEOUT_SECONDS)
    expect(LIMITS.stallSeconds.value).to.be.greaterThan(read)
    expect(LIMITS.idleSeconds.value).to.be.greaterThan(60)
    expect(LIMITS.requestsPerConnection.value).to.equal(10_000)
    expect(drain).to.be.at.least(periodSeconds * failureThreshold + timeoutSeconds)
  })

  for (const [setting, message] of [
    ['readTimeoutSeconds=45', 'readTimeoutSeconds (45) must be more than ATTACHMENT_TIMEOUT_SECONDS (45)'],
    ['readTimeoutSeconds=120', 'and less than SERVER_STALL_SECONDS (120)'],
    ['settings.ATTACHMENT_TIMEOUT_SECONDS=100', 'must be more than ATTACHMENT_TIMEOUT_SECONDS (100)'],
    ['settings.SERVER_STALL_SECONDS=80', 'less than SERVER_STALL_SECONDS (80)'],
    ['settings.SERVER_IDLE_SECONDS=60', 'SERVER_IDLE_SECONDS must be more than ingressIdleSeconds (60)'],
    ['ingressIdleSeconds=75', 'SERVER_IDLE_SECONDS must be more than ingressIdleSeconds (75)'],
  ] as const)
    it(`is not rendered with ${setting}, which puts two hops in the wrong order`, async () => {
      const error = await renderChart('production', [setting]).catch((thrown: Error) => thrown)

      expect(String(error)).to.contain(message)
    })

  it('is not rendered without an image tag', async () => {
    const error = await renderChart('production', ['image.tag=']).catch((thrown: Error) => thrown)

    expect(String(error)).to.contain('image.tag is required')
  })
})
