/** Objects against the schemas of the Kubernetes API and of the Prometheus operator, strictly: what no schema knows is wrong. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Manifest } from './chart.ts'

type Validate = ((data: unknown) => boolean) & { errors?: readonly { instancePath: string; message?: string }[] }

/** Problems of an object, by their place in it. */
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

/** Not all of the files are among the names that the packages export. */
function fileOf(schema: string): string {
  const [name = '', file = ''] = schema.split('/_schemas/')
  return pathToFileURL(join(dirname(fileURLToPath(import.meta.resolve(name))), '_schemas', `${file}.js`)).href
}

/** The compiled schemas read every member that they know, and pass over the others: what was not read is unknown. */
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

/** Every member of every object; places in lists are not members. */
function paths(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => paths(each, `${path}/${index}`))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]) => [`${path}/${name}`, ...paths(each, `${path}/${name}`)])
}
