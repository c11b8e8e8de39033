import { spawnSync } from 'node:child_process'
import { expect } from 'chai'

/** Runs a program that has a log, and returns what it writes. */
function written(program: string): string {
  const source = `import { createLog } from '${new URL('../../src/telemetry/log.ts', import.meta.url)}'\nconst log = createLog('info')\n${program}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' }).stdout
}

const ERROR = `const error = Object.assign(new TypeError('no Lovelace'), { code: 'E_NO', answers: 'Lovelace', cause: new Error('Lovelace') })`

describe('the log', () => {
  for (const call of [
    'log.error(error)',
    'log.child({ form: "complaint" }).error(error)',
    'log.error({ err: error }, "failed")',
    'log.error({ error }, "failed")',
    'log.error({ cause: error }, "failed")',
    'log.error(error, "failed")',
    'log.error(error, "failed after %d", 3)',
  ]) {
    it(`writes the name and code of an error, and none of its words: ${call}`, () => {
      const line = written(`${ERROR}\n${call}`)

      expect(line).to.match(/^\{.*TypeError E_NO.*\}\n$/)
      expect(line).not.to.match(/Lovelace|stack| at /)
    })
  }

  it('writes one line without control characters, whatever the fields contain', () => {
    const line = written(String.raw`log.info({ name: 'a\u001b[2J\u007f\u0085\u009b31m\u2028\u2029\r\nb' }, 'c\u009bd')`)

    expect(line).not.to.match(/[\p{Cc}\u2028\u2029](?!$)/u)
    expect(JSON.parse(line)).to.include({ name: 'a\u001b[2J\u007f\u0085\u009b31m\u2028\u2029\r\nb', msg: 'c\u009bd' })
  })

  it('writes fields, level and time as pino does', () => {
    const line = JSON.parse(written(`log.warn({ form: 'complaint', error: 'none' }, 'as it is %s', 'said')`))

    expect(line).to.include({ level: 'warn', form: 'complaint', error: 'none', msg: 'as it is said' })
    expect(line.time).to.match(/^\d{4}-\d\d-\d\dT/)
  })

  for (const [end, how] of [
    ['process.exit(0)', 'exits'],
    ['throw new Error()', 'ends by an error'],
    ["process.on('exit', () => log.info('last'))", 'has nothing left to do'],
  ]) {
    it(`writes every line of the turn of the event loop in which a process ${how}`, () => {
      expect(written(`log.info('one')\nlog.info('two')\n${end}`)).to.match(/^\{.*"one"\}\n\{.*"two"\}\n/)
    })
  }

  it('has nothing at level info of what an attack or a health probe causes', () => {
    const events = ['connection.refused', 'connection.probed', 'request.refused', 'stopping'].map((type) => ({ type }))
    const program = `const { logEvents } = await import('${new URL('../../src/telemetry/log.ts', import.meta.url)}')
      for (const server of ${JSON.stringify(events)}) logEvents(log)({ event: 'server', server })`

    expect(written(program).match(/"msg":"[^"]*"/g)).to.deep.equal(['"msg":"server.stopping"'])
  })

  it('writes what another listener of the exit logs', () => {
    expect(written("process.on('exit', () => log.info('last'))\nlog.info('one')")).to.match(/"one"\}\n\{.*"last"\}\n$/)
  })

  it('loses the lines of one turn of the event loop, and no more, if the process is killed', () => {
    const killed = "process.kill(process.pid, 'SIGKILL')"

    expect(written(`log.info('one')\n${killed}`)).to.equal('')
    expect(written(`log.info('one')\nsetImmediate(() => { log.info('two'); ${killed} })`)).to.match(/^\{.*"one"\}\n$/)
  })
})
