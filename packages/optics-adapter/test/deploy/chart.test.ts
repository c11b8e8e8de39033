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
      expect(manifests.length).to.equal(settings[0] === 'monitoring.enabled=false' ? 7 : 9)
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
      expect(Number(pod['terminationGracePeriodSeconds'])).to.be.greaterThan(needed + 6)
    })
  }

  it('is not rendered without an image tag', async () => {
    const error = await renderChart('production', ['image.tag=']).catch((thrown: Error) => thrown)

    expect(String(error)).to.contain('image.tag is required')
  })
})
