import { spawnSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import { createApp } from '../src/index.ts'
import { TestServer } from './harness.ts'

describe('createApp', () => {
  it('creates a Koa application that serves', async () => {
    const app = createApp()
    app.use((context) => {
      context.body = 'hello'
    })
    await using server = await TestServer.start({ listener: app.callback() })

    const { status, body } = await server.send('/')

    expect(status).to.equal(200)
    expect(body).to.equal('hello')
  })

  it('prints nothing when a handler throws', () => {
    const program = `
      import { createServer } from 'node:http'
      import { createApp } from ${JSON.stringify(pathToFileURL(`${import.meta.dirname}/../src/index.ts`).href)}
      const app = createApp()
      app.use(() => { throw new Error('secret') })
      const server = createServer(app.callback()).listen(0, '127.0.0.1', async () => {
        const { status } = await fetch('http://127.0.0.1:' + server.address().port)
        console.log(status)
        server.close()
        server.closeAllConnections()
      })`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    })

    expect(stdout).to.equal('500\n')
    expect(stderr).to.not.include('secret')
  })
})
