import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { createAdapter } from '../src/adapter.ts'
import { startTestAdapter } from '../src/testing/index.ts'

/** Runs a newcomer's program, with the built package as theirs has, and returns its exit code and what it prints. */
function run(program: string, environment: { [name: string]: string } = {}) {
  const sdk = new URL('../dist/index.js', import.meta.url)
  const source = `import { AdapterError, createAdapter } from '${sdk}'\nasync function handle() {}\n${program}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { PATH: process.env['PATH'], TRUST_PROXY: '10.0.0.0/8', DATA_DIR: '/nonexistent', ...environment },
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { status, stdout, stderr }
}

const START = `await createAdapter({ forms: { complaint: { path: '/v2/complaint', handle } } }).start()`

describe("a newcomer's mistakes", () => {
  it('a key of the wrong length: the message names the setting and what to do', () => {
    const { status, stdout, stderr } = run(START, { JWE_SHARED_KEY: '123456789012345' })

    expect(stderr).to.equal(
      'ERR_CONFIG_INVALID: 1 setting to put right:\n' +
        '- JWE_SHARED_KEY is 15 characters long, not 16 or 32: ' +
        "use the sender's key of 16 or 32 ASCII characters, or make one with `npx @formbuilder/submitter keygen`\n",
    )
    expect([status, stdout]).to.deep.equal([1, ''])
  })

  it("a project's own settings: what is wrong with them stands in the same message", () => {
    const settings = `const settings = { CASE_SYSTEM_URL: required('Where cases go'), CASE_SYSTEM_TOKEN: required('Its token', { secret: true }) }`
    const program = `import { required } from '${new URL('../dist/index.js', import.meta.url)}'\n${settings}\n`

    const { status, stderr } = run(program + START.replace('start()', 'start({ settings })'), {
      CASE_SYSTEM_TOKEN: 'kXk7Wq2mZx9LtR4vBn',
    })

    expect(stderr).to.match(
      /^ERR_CONFIG_INVALID: 2 settings to put right:\n- CASE_SYSTEM_URL is missing\n- JWE_SHARED_KEY is missing: /,
    )
    expect(stderr).not.to.include('kXk7')
    expect(status).to.equal(1)
  })

  it('settings that the server cannot use: one message names them all', () => {
    const { status, stderr } = run(START, {
      JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn',
      TRUST_PROXY: '10.0.0.0/99',
      SERVER_HEADERS_SECONDS: '40',
    })

    expect(stderr).to.equal(
      'ERR_CONFIG_INVALID: 2 settings to put right:\n' +
        '- TRUST_PROXY must be addresses or networks such as 10.0.0.0/8\n' +
        '- SERVER_HEADERS_SECONDS must not be more than SERVER_REQUEST_SECONDS\n',
    )
    expect(status).to.equal(1)
  })

  it('settings that contradict each other: the message names both, once', () => {
    const { stderr } = run(START, {
      JWE_SHARED_KEY: 'k7Wq2mZx9LtR4vBn',
      TRUST_PROXY: '10.0.0.0/8',
      ATTACHMENT_TIMEOUT_SECONDS: '120',
      BODY_LIMIT_BYTES: '4000000',
      SERVER_HELD_BODY_BYTES: '3000000',
    })

    expect(stderr).to.equal(
      'ERR_CONFIG_INVALID: 2 settings to put right:\n' +
        '- BODY_LIMIT_BYTES must not be more than SERVER_HELD_BODY_BYTES\n' +
        '- ATTACHMENT_TIMEOUT_SECONDS must be less than SERVER_STALL_SECONDS\n',
    )
  })

  it('an invalid path: the message names the form and what to change', () => {
    const { status, stdout, stderr } = run(`createAdapter({ forms: { complaint: { path: 'v2/complaint/', handle } } })`)

    expect(stderr).to.equal(
      'ERR_FORM_INVALID: form "complaint": path must be like /v2/complaint, without a slash at its end\n',
    )
    expect([status, stdout]).to.deep.equal([1, ''])
  })

  it('a data folder that is a file: the message names it and what is needed', () => {
    const { status, stderr } = run(START, {
      JWE_SHARED_KEY: '5d6dc7fc083ea4f0',
      PORT: '0',
      DATA_DIR: import.meta.filename,
    })

    expect(stderr).to.equal(
      `ERR_CONFIG_INVALID: the data folder ${import.meta.filename} cannot be used (Error ENOTDIR): ` +
        'DATA_DIR must be a folder that this process may write to\n',
    )
    expect(status).to.equal(1)
  })

  it('can be caught by the program', () => {
    const { status, stdout } = run(`await ${START.slice(6)}.catch((error) => console.log(error.code))`)

    expect([status, stdout]).to.deep.equal([0, 'ERR_CONFIG_INVALID\n'])
  })

  it('do not hide other errors', () => {
    const { status, stderr } = run(`try { ${START} } catch {}\nthrow new TypeError('another')`)

    expect(stderr).to.match(/TypeError: another\n\s+at /)
    expect(status).to.equal(1)
  })

  it('a POST to a wrong path: one event names that path and the paths of the forms', async () => {
    const forms = { complaint: { path: '/v2/complaint', handle: async () => undefined } }
    await using adapter = await startTestAdapter(createAdapter({ forms }))

    const answer = await adapter.send('/v2/complaints')

    expect(answer.body).to.include({ status: 404, code: 'ERR_NOT_FOUND' })
    expect(adapter.events.filter(({ event }) => event === 'submission.unmatched')).to.deep.equal([
      {
        event: 'submission.unmatched',
        path: '/v2/complaints',
        forms: ['/v2/complaint'],
        detail: 'no form has this path: change the endpoint in Form Builder or the path of the form',
      },
    ])
  })

  it('a handler that throws a string: the event asks for an Error', async () => {
    const forms = {
      complaint: {
        path: '/v2/complaint',
        async handle() {
          throw 'Ada Lovelace is not known here'
        },
      },
    }
    await using adapter = await startTestAdapter(createAdapter({ forms }), { environment: { RETRY_LIMIT: '0' } })

    const { submissionId } = await adapter.send('/v2/complaint')
    const { code, reason } = await adapter.ended(submissionId)

    const advice =
      'the handler threw a string, not an Error: throw an Error to have it retried, or a PermanentError or UncertainError'
    const failed = adapter.events.find(({ event }) => event === 'attempt.failed')
    expect(failed).to.deep.include({ detail: `1 attempts failed, the last with ERR_HANDLER_FAILED: ${advice}` })
    expect([code, reason]).to.deep.equal([
      'ERR_RETRIES_EXHAUSTED',
      `1 attempts failed, the last with ERR_HANDLER_FAILED: ${advice}`,
    ])
    expect(JSON.stringify(adapter.events)).not.to.include('Lovelace')
  })

  it('the message of an error stays out of the log, even if operators may read it', async () => {
    const forms = {
      complaint: {
        path: '/v2/complaint',
        async handle() {
          const { PermanentError } = await import('../src/errors.ts')
          throw new PermanentError('no team for Ada Lovelace')
        },
      },
    }
    await using adapter = await startTestAdapter(createAdapter({ forms }))

    const { submissionId } = await adapter.send('/v2/complaint')
    const { reason } = await adapter.ended(submissionId)

    expect(reason).to.equal('no team for Ada Lovelace')
    expect(JSON.stringify(adapter.events)).not.to.include('Lovelace')
  })
})
