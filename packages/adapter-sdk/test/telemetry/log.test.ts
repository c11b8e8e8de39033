import { spawnSync } from 'node:child_process'
import { expect } from 'chai'

/** Runs a program that has a log, built because it starts sooner, and returns what it writes. */
function written(program: string): string {
  const source = `import { createLog } from '${new URL('../../dist/telemetry/log.js', import.meta.url)}'\nconst log = createLog('info')\n${program}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' }).stdout
}

const ERROR = `const error = Object.assign(new TypeError('no Lovelace'), { code: 'E_NO', answers: 'Lovelace', cause: new Error('Lovelace') })`

/** Runs programs in one process, each in a block of its own, and returns what each writes. */
function writtenByEach(programs: readonly string[]): string[] {
  const blocks = programs.map((each) => `log.info({ event: 'next' })\n{\n${each}\n}`)
  return written(blocks.join('\n'))
    .split(/^\{.*"event":"next"\}\n/m)
    .slice(1)
}

describe('the log', () => {
  const errorCalls = [
    'log.error(error)',
    'log.child({ form: "complaint" }).error(error)',
    'log.error({ err: error }, "failed")',
    'log.error({ error }, "failed")',
    'log.error({ cause: error }, "failed")',
    'log.error(error, "failed")',
    'log.error(error, "failed after %d", 3)',
  ]
  let errorLines: string[]
  before(() => {
    errorLines = writtenByEach(errorCalls.map((call) => `${ERROR}\n${call}`))
  })
  for (const [i, call] of errorCalls.entries()) {
    it(`writes the name and code of an error, and none of its words: ${call}`, () => {
      const line = errorLines[i]

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

  const CHILD = "const child = log.child({ form: 'complaint', submissionId: 'x', attempt: 1 })"
  const calls = [
    ["log.info('said')", { event: 'handler.logged', msg: 'said' }],
    ["log.info('said %d', 3)", { event: 'handler.logged', msg: 'said 3' }],
    ["log.info({ event: 'a.b', n: 1 }, 'said')", { event: 'a.b', n: 1, msg: 'said' }],
    ['log.info({ n: 1 })', { event: 'handler.logged', n: 1 }],
    ["log.info({ msg: 'said' })", { event: 'handler.logged', msg: 'said' }],
    ["log.info({ msg: 'a' }, 'b')", { event: 'handler.logged', field_msg: 'a', msg: 'b' }],
    [
      "log.info({ time: 'a', level: 'b', msg: 'c' }, 'd')",
      { event: 'handler.logged', field_time: 'a', field_level: 'b', field_msg: 'c', msg: 'd' },
    ],
    ["child.info('said')", { form: 'complaint', submissionId: 'x', attempt: 1, event: 'handler.logged', msg: 'said' }],
    [
      "child.info({ form: 'other', attempt: 1, event: 'a.b' })",
      { form: 'complaint', submissionId: 'x', attempt: 1, field_form: 'other', event: 'a.b' },
    ],
    [
      "child.info({ form: 'other', field_form: 'third' })",
      ...[
        {
          form: 'complaint',
          submissionId: 'x',
          attempt: 1,
          event: 'handler.logged',
          field_field_form: 'other',
          field_form: 'third',
        },
      ],
    ],
    [
      "child.child({ form: 'inner', event: 'a.b' }).info({ form: 'own', event: 'c.d' })",
      { form: 'inner', submissionId: 'x', attempt: 1, event: 'a.b', field_form: 'own', field_event: 'c.d' },
    ],
    [
      "log.child({ time: 'a', msg: 'b', event: 'a.b' }).info('said')",
      { field_time: 'a', field_msg: 'b', event: 'a.b', msg: 'said' },
    ],
    ["log.child({}).info('said')", { event: 'handler.logged', msg: 'said' }],
    [
      "log.info(Object.assign(Object.create({ form: 'x' }), { n: 1 }), 'said')",
      { event: 'handler.logged', n: 1, msg: 'said' },
    ],
  ] as const
  let lines: string[]
  before(() => {
    lines = writtenByEach(calls.map(([call]) => `${CHILD}\n${call}`))
  })
  for (const [i, [call, expected]] of calls.entries()) {
    it(`writes its kind, and each field once: ${call}`, () => {
      const line = lines[i]?.trim() ?? ''
      const { time, level, ...fields } = JSON.parse(line)

      expect(fields).to.deep.equal(expected)
      expect(level).to.equal('info')
      expect(time).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      // A field that stands twice is once in what is parsed.
      expect(JSON.stringify(JSON.parse(line))).to.equal(line)
    })
  }

  it('writes only the name of an error whose field gets another name', () => {
    const line = written(`${ERROR}\nlog.child({ error: 'none' }).info({ error }, 'said')`)

    expect(JSON.parse(line)).to.include({ error: 'none', field_error: 'TypeError E_NO; caused by Error' })
    expect(line).not.to.contain('Lovelace')
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
    const program = `const { logEvents } = await import('${new URL('../../dist/telemetry/log.js', import.meta.url)}')
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
