/** Checks objects against the schemas of Kubernetes and of the Prometheus operator. Unknown members are errors. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Manifest } from './chart.ts'

type Validate = ((data: unknown) => boolean) & { errors?: readonly { instancePath: string; message?: string }[] }

/** The problems of an object, each with its path. */
export async function problemsOf(manifest: Manifest): Promise<string[]> {
  const kind = `${manifest.apiVersion}/${manifest.kind}`
  const schema = SCHEMAS[kind]
  if (schema === undefined) return [`${kind} has no schema here`]
  const { validate } = (await import(fileOf(schema))) as { validate: Validate }
  const read = new Set<string>()
  const valid = validate(watched(manifest, '', read))
  const errors = valid
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`)
  return [
    ...errors,
    ...paths(manifest, '')
      .filter((path) => !read.has(path))
      .map((path) => `${path} is unknown`),
  ]
}

const SCHEMAS: Readonly<Record<string, string>> = {
  'apps/v1/Deployment': 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment',
  'v1/Pod': 'kubernetes-models/_schemas/IoK8sApiCoreV1Pod',
  'v1/Service': 'kubernetes-models/_schemas/IoK8sApiCoreV1Service',
  'networking.k8s.io/v1/Ingress': 'kubernetes-models/_schemas/IoK8sApiNetworkingV1Ingress',
  'networking.k8s.io/v1/NetworkPolicy': 'kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy',
  'autoscaling/v2/HorizontalPodAutoscaler': 'kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler',
  'policy/v1/PodDisruptionBudget': 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget',
  'monitoring.coreos.com/v1/PodMonitor': monitoring('PodMonitor'),
  'monitoring.coreos.com/v1/PrometheusRule': monitoring('PrometheusRule'),
}

function monitoring(kind: string): string {
  return `@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1${kind}`
}

/** The packages do not export all of these files, so they are found by path. */
function fileOf(schema: string): string {
  const [name = '', file = ''] = schema.split('/_schemas/')
  return pathToFileURL(join(dirname(fileURLToPath(import.meta.resolve(name))), '_schemas', `${file}.js`)).href
}

/** Records which members a schema reads. The compiled schemas read every member that they know, so the rest is unknown. */
function watched(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get(target, name) {
      if (typeof name === 'symbol') return Reflect.get(target, name)
      const place = `${path}/${name}`
      read.add(place)
      return watched(Reflect.get(target, name), place, read)
    },
  })
}

/** The paths of all members of all objects. List positions are not members. */
function paths(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => paths(each, `${path}/${index}`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => [`${path}/${name}`, ...paths(each, `${path}/${name}`)])
}
