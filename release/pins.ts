/** Pins what a release is built with: actions by the SHA of their commit, images by their digest. */
import { execFile } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

/** Something that others can change behind its name. */
export interface Loose {
  readonly line: number
  readonly kind: 'action' | 'image'
  /** As written: `actions/checkout@v5`, `node:24-slim`. */
  readonly name: string
}

/** Where pins are looked up. */
export interface Sources {
  /** Base address of the repositories of actions. */
  readonly actions: string
  /** Base address of the registry of images that name none. */
  readonly images: string
}

export const PUBLIC: Sources = { actions: 'https://github.com', images: 'https://registry-1.docker.io' }

const FILES = [
  '.github/workflows/*.{yml,yaml}',
  'packages/*/deploy/{Dockerfile,compose.yaml}',
  'packages/create-adapter/template/common/{Dockerfile,github/workflows/*.yml}',
]

/** The files of a repository that name actions or images. */
export function filesWithPins(root: string): string[] {
  return globSync(FILES, { cwd: root }).sort()
}

/** What a workflow, a Dockerfile or a compose file uses without a pin. */
export function findLoose(text: string): Loose[] {
  const stages = new Set([...text.matchAll(/^FROM\s.*\sAS\s+(\S+)/gim)].map(([, stage]) => stage))
  return text.split('\n').flatMap((content, index) => {
    const found = readName(content)
    if (found === undefined || stages.has(found.name) || PINNED[found.kind].test(found.name)) return []
    return [{ line: index + 1, ...found }]
  })
}

/** Returns the text with every loose name pinned; the version stays beside it. */
export async function pin(text: string, sources: Sources): Promise<string> {
  const lines = text.split('\n')
  for (const { line, kind, name } of findLoose(text)) {
    const written = lines[line - 1] ?? ''
    if (kind === 'action') {
      const [action = '', ref = ''] = name.split('@')
      lines[line - 1] = `${written.split(name)[0]}${action}@${await commitOf(action, ref, sources)} # ${ref}`
    } else {
      lines[line - 1] = written.replace(name, `${name}@${await digestOf(name, sources)}`)
    }
  }
  return lines.join('\n')
}

const PINNED = { action: /@[0-9a-f]{40}$/, image: /@sha256:[0-9a-f]{64}$/ }

function readName(content: string): { kind: Loose['kind']; name: string } | undefined {
  const [, used] = /^\s*(?:-\s+)?uses:\s*["']?([^\s"'#]+)/.exec(content) ?? []
  if (used !== undefined) {
    if (used.startsWith('./')) return undefined
    return used.startsWith('docker://')
      ? { kind: 'image', name: used.slice('docker://'.length) }
      : { kind: 'action', name: used }
  }
  const [, image] = IMAGES.map((form) => form.exec(content)).find((match) => match !== null) ?? []
  // An image without a tag is one that the compose file builds, or an empty stage.
  return image === undefined || /^\d+$/.test(image) || !/[:@$/]/.test(image)
    ? undefined
    : { kind: 'image', name: image }
}

const IMAGES = [
  /^\s*FROM\s+(?:--platform=\S+\s+)?(\S+)/i,
  /^\s*COPY\s+(?:--\S+\s+)*--from=(\S+)/i,
  /^#\s*syntax=(\S+)/i,
  /^\s*(?:-\s+)?(?:image|container):\s*["']?([^\s"'#{]+)/,
]

async function commitOf(action: string, ref: string, { actions }: Sources): Promise<string> {
  const repository = action.split('/').slice(0, 2).join('/')
  const names = [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`]
  const { stdout } = await promisify(execFile)('git', ['ls-remote', `${actions}/${repository}`, ...names])
  const found = new Map(stdout.split('\n').map((line) => line.split('\t').reverse() as [string, string]))
  // Of a tag with a message, the commit that it names comes first.
  const sha = names.map((name) => found.get(name)).find((each) => each !== undefined)
  if (sha === undefined || !/^[0-9a-f]{40}$/.test(sha)) throw new Error(`${action}@${ref} names no commit`)
  return sha
}

async function digestOf(image: string, { images }: Sources): Promise<string> {
  const [first = '', ...rest] = image.split('/')
  const isHost = rest.length > 0 && /[.:]/.test(first)
  const base = isHost ? `https://${first}` : images
  const path = isHost ? rest.join('/') : rest.length === 0 ? `library/${first}` : image
  const [, name = path, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(path) ?? []
  const address = `${base}/v2/${name}/manifests/${tag}`
  let response = await ask(address)
  if (response.status === 401) response = await ask(address, await anonymousToken(response))
  const digest = response.headers.get('docker-content-digest') ?? ''
  if (!response.ok || !/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`${image}: no digest (${response.status})`)
  return digest
}

const MANIFESTS = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]

async function ask(address: string, token?: string): Promise<Response> {
  return await fetch(address, {
    method: 'HEAD',
    headers: { Accept: MANIFESTS.join(', '), ...(token !== undefined && { Authorization: `Bearer ${token}` }) },
    signal: AbortSignal.timeout(30_000),
  })
}

/** Registries ask everybody for a token, and give one to everybody. */
async function anonymousToken(refused: Response): Promise<string> {
  const challenge = refused.headers.get('www-authenticate') ?? ''
  const values = new Map([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]))
  const address = new URL(values.get('realm') ?? '')
  for (const name of ['service', 'scope']) address.searchParams.set(name, values.get(name) ?? '')
  const response = await fetch(address, { signal: AbortSignal.timeout(30_000) })
  const { token } = (await response.json()) as { token: string }
  return token
}

async function main(mode: string | undefined, root: string): Promise<number> {
  if (mode !== '--check' && mode !== '--write') {
    console.error('usage: node release/pins.ts --check | --write [folder]')
    return 2
  }
  const files = filesWithPins(root)
  if (mode === '--write') {
    for (const file of files) {
      const path = join(root, file)
      const text = readFileSync(path, 'utf8')
      const pinned = await pin(text, PUBLIC)
      if (pinned !== text) writeFileSync(path, pinned)
    }
  }
  const loose = files.flatMap((file) =>
    findLoose(readFileSync(join(root, file), 'utf8')).map(({ line, name }) => `${file}:${line}: ${name} is not pinned`),
  )
  for (const each of loose) console.error(each)
  if (loose.length > 0)
    console.error('Run `npm run release:pin` where the internet can be reached, and commit the result.')
  return loose.length > 0 ? 1 : 0
}

if (import.meta.main) {
  // No await: what tests import may not wait at its top.
  void main(process.argv[2], resolve(process.argv[3] ?? join(import.meta.dirname, '..'))).then((code) => {
    process.exitCode = code
  })
}
