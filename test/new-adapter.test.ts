/** From an empty folder to an adapter that was sent a submission: what a newcomer types, against the packages as published. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { type LocalRegistry, startLocalRegistry } from './local-registry.ts'

describe('a new adapter', () => {
  let registry: LocalRegistry
  let project: string

  before(async () => {
    registry = await startLocalRegistry()
    project = join(registry.folder, 'my-adapter')
    await registry.run('npm create @formbuilder/adapter my-adapter')
  })
  after(() => registry[Symbol.asyncDispose]())

  it('holds exactly the packages that were published with it', () => {
    const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
    const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))

    expect(manifest).to.deep.include({ name: 'my-adapter', dependencies: { '@formbuilder/adapter-sdk': '0.1.0' } })
    expect(lock.packages['node_modules/@formbuilder/adapter-sdk']).to.include({ version: '0.1.0' })
  })

  it('passes its own test, which sends encrypted submissions through its handler', async () => {
    expect(await registry.run('npm test', { cwd: project })).to.match(/pass 2\n.*fail 0\n/s)
  })

  it('satisfies the compiler', async () => {
    await registry.run('npm run typecheck', { cwd: project })
  })
})
