import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { lockFolder } from '../../src/store/lock.ts'

const HOLDER = `
  const { lockFolder } = await import(process.argv[1])
  globalThis.held = lockFolder(process.argv[2])
  process.send('held')
  setInterval(() => undefined, 1000)`

describe('the lock of a data folder', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lock-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('stops a second process on the same folder, and is free as soon as the first is killed', async () => {
    const first = await holder(folder)

    expect(() => lockFolder(folder))
      .to.throw(/another process uses the data folder/)
      .with.property('code', 'ERR_STORE_LOCKED')
    first.kill('SIGKILL')
    await once(first, 'exit')
    lockFolder(folder).release()
  })

  it('is for one folder only', async () => {
    const other = mkdtempSync(join(tmpdir(), 'lock-'))
    const first = await holder(other)

    lockFolder(folder).release()

    first.kill('SIGKILL')
    await once(first, 'exit')
    rmSync(other, { recursive: true, force: true })
  })
})

async function holder(folder: string): Promise<ChildProcess> {
  const lock = new URL('../../src/store/lock.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, lock, folder], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  return child
}
