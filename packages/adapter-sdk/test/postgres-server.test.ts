/** Tests the PostgreSQL of the tests: it says at once why it cannot start, and leaves nothing behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { preparePrograms } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { until } from './until.ts'

describe('the PostgreSQL of the tests', () => {
  it('says which setting it cannot start with', async () => {
    const failed: unknown = await PostgresServer.start(['no_such_setting=1']).catch((error: unknown) => error)

    expect(failed)
      .to.be.an('error')
      .with.property('message')
      .that.matches(/^PostgreSQL does not start: .*no_such_setting/s)
  })

  it('says which folder its user cannot use, and leaves nothing there', () => {
    const closed = mkdtempSync(join(tmpdir(), 'closed-'))
    chmodSync(closed, 0o500)
    try {
      expect(() => preparePrograms([closed])).to.throw(`PostgreSQL cannot run on this machine.\n${closed}: `)
      expect(readdirSync(closed)).to.deep.equal([])
    } finally {
      rmSync(closed, { recursive: true })
    }
  })

  it('takes the next folder instead', () => {
    const closed = mkdtempSync(join(tmpdir(), 'closed-'))
    chmodSync(closed, 0o500)
    const { folder } = preparePrograms([closed, '/var/tmp'])
    try {
      expect(folder).to.match(/^\/var\/tmp\//)
    } finally {
      rmSync(closed, { recursive: true })
      rmSync(folder, { recursive: true })
    }
  })

  it('ends with the process that started it, however that ends, and its data are gone', async () => {
    const program = `
      const { PostgresServer } = await import(${JSON.stringify(new URL('postgres-server.ts', import.meta.url).href)})
      const { folder, port } = await PostgresServer.start()
      console.log(JSON.stringify({ folder, port }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const { folder } = JSON.parse(line) as { folder: string }
    expect(existsSync(folder)).to.equal(true)

    child.kill('SIGKILL')

    await until(() => !existsSync(join(folder, '..')))
  })
})
