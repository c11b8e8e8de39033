import { expect } from 'chai'
import { loadConfig } from '../src/config.ts'
import { AdapterError } from '../src/errors.ts'

const USABLE = { JWE_SHARED_KEY: 'Xk2fQ9wLs7TgBzR4', TRUST_PROXY: '127.0.0.1' }
const PAGE = {
  ADMIN_PORT: '3001',
  ADMIN_AUTH_USERNAME: 'operator',
  ADMIN_AUTH_PASSWORD: 'correct horse battery',
}
const METRICS = { METRICS_AUTH_USERNAME: 'prometheus', METRICS_AUTH_PASSWORD: 'a password' }
const FORWARDED = { ADMIN_PORT: '3001', ADMIN_TRUSTED_PROXIES: '10.0.0.1' }

/** The problems that the start names, one a line. */
function problemsOf(environment: Readonly<Record<string, string>>): string[] {
  try {
    loadConfig({ ...USABLE, ...environment }, ['complaint'])
    return []
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error
    return error.message.split('\n- ').slice(1)
  }
}

describe('the form of a setting', () => {
  for (const [name, value, why, others] of [
    ['HOST', 'adapter.example.gov.uk', 'a name'],
    ['HOST', 'ADAPTER.example.gov.uk', 'letter case does not count'],
    ['HOST', 'localhost:3000', 'a port may follow'],
    ['HOST', 'adapter.example.gov.uk:8443', 'a port may follow'],
    ['HOST', '192.0.2.1', 'an address'],
    ['HOST', '[2001:db8::1]', 'an IPv6 address as it stands in a URL'],
    ['HOST', '[::1]:3000', 'with its port'],
    ['HOST', 'xn--bcher-kva.example', 'an international name as DNS has it'],
    ['LISTEN_HOST', '0.0.0.0', 'every IPv4 address'],
    ['KEEP_DAYS', '29', 'a day more than the sender repeats'],
    ['LISTEN_HOST', '::', 'every address'],
    ['LISTEN_HOST', 'fe80::1%eth0', 'an address of one interface'],
    ['LISTEN_HOST', 'localhost', 'a name'],
    ['DATA_DIR', '/var/lib/adapter store', 'a path may have blanks inside'],
    ['DATA_DIR', 'C:\\adapter', 'a path of Windows'],
    ['DATABASE_URL', 'postgres://db/x', 'a URL'],
    ['SENTRY_DSN', 'https://key@o1.ingest.sentry.io/1', 'as Sentry writes it'],
    ['SENTRY_DSN', 'https://key:secret@sentry.example/path/1', 'an older one'],
    ['METRICS_AUTH_PASSWORD', 'blanks inside : and colons', 'a password may have both', METRICS],
    ['METRICS_AUTH_PASSWORD', 'naïve pässwörd 🙂', 'any character that can be seen', METRICS],
    ['ADMIN_FORWARDED_USER_HEADER', 'X-Forwarded-Email', 'a name of a header', FORWARDED],
    ['OPERATOR_TRACE_URL', 'https://trace.example/t/{traceId}', 'the id of the trace'],
    ['OPERATOR_TRACE_URL', 'http://localhost:16686/search?tags={submissionId}', 'the id of the submission'],
    ['OPERATOR_LOG_URL', 'HTTPS://logs.example/app#/?q="{submissionId}"&{"a":1}', 'braces around what is no name'],
    ['TRUST_PROXY', ' 10.0.0.0/8 ,\n::1 ', 'white space around an entry does not count'],
  ] as readonly (readonly [string, string, string, Record<string, string>?])[])
    it(`accepts ${name}=${JSON.stringify(value)}: ${why}`, () =>
      expect(problemsOf({ ...others, [name]: value })).to.deep.equal([]))

  for (const [name, value, why, others] of [
    ['OPERATOR_LOG_URL', 'https://logs.example/', 'no place for the id'],
    ['OPERATOR_LOG_URL', 'https://logs.example/{traceId}', 'an id that a log has not'],
    ['OPERATOR_LOG_URL', 'https://logs.example/{submissionID}', 'a name that differs'],
    ['OPERATOR_TRACE_URL', 'https://trace.example/{traceId}/{span}', 'a name that is unknown'],
    ['OPERATOR_TRACE_URL', 'javascript:alert("{traceId}")', 'a script'],
    ['OPERATOR_TRACE_URL', 'data:text/html,{traceId}', 'data'],
    ['OPERATOR_TRACE_URL', '//trace.example/{traceId}', 'no scheme'],
    ['OPERATOR_TRACE_URL', 'trace.example/{traceId}', 'no scheme'],
    ['OPERATOR_TRACE_URL', 'https:trace.example/{traceId}', 'no slashes'],
    ['OPERATOR_TRACE_URL', 'https://{traceId}.trace.example/', 'an id that chooses the host'],
    ['OPERATOR_TRACE_URL', 'https://trace.example:{traceId}/', 'an id as the port'],
    ['OPERATOR_TRACE_URL', 'https://user:word@trace.example/{traceId}', 'a password'],
    ['OPERATOR_TRACE_URL', 'https://{traceId}@trace.example/', 'an id as the user'],
    ['OPERATOR_TRACE_URL', ' https://trace.example/{traceId}', 'white space'],
    ['HOST', 'https://adapter.example.gov.uk', 'a URL'],
    ['HOST', 'HTTPS://adapter.example.gov.uk', 'a URL'],
    ['HOST', '//adapter.example.gov.uk', 'a part of a URL'],
    ['HOST', 'adapter.example.gov.uk/', 'a path'],
    ['HOST', 'adapter.example.gov.uk/v1', 'a path'],
    ['HOST', 'adapter.example.gov.uk?x', 'a query'],
    ['HOST', 'user@adapter.example.gov.uk', 'a user'],
    ['HOST', 'adapter.example.gov.uk:', 'a port without a number'],
    ['HOST', 'adapter.example.gov.uk:0', 'no port'],
    ['HOST', 'adapter.example.gov.uk:65536', 'no port'],
    ['HOST', 'adapter.example.gov.uk:https', 'no port'],
    ['HOST', 'adapter example', 'white space'],
    ['HOST', ' adapter.example.gov.uk', 'white space before it'],
    ['HOST', 'adapter.example.gov.uk\n', 'a line end'],
    ['HOST', 'adapter.example.gov.uk\r\n', 'a line end of Windows'],
    ['HOST', '\ufeffadapter.example.gov.uk', 'a byte order mark'],
    ['HOST', 'adapter.example.gov.uk\u200b', 'an invisible character'],
    ['HOST', '"adapter.example.gov.uk"', 'quotes that no shell has removed'],
    ['HOST', 'adapter..gov.uk', 'an empty label'],
    ['HOST', 'adapter.example.gov.uk.', 'a dot at its end, which certificates do not have'],
    ['HOST', '-adapter.example', 'a hyphen first'],
    ['HOST', '*.example.gov.uk', 'a pattern'],
    ['HOST', 'a.example,b.example', 'two names'],
    ['HOST', 'bücher.example', 'not as DNS has it'],
    ['HOST', '256.1.1.1', 'no address'],
    ['HOST', '1.2.3', 'an address in a notation that programs read differently'],
    ['HOST', '0x7f000001', 'the same'],
    ['HOST', '::1', 'an IPv6 address without brackets'],
    ['HOST', '2001:db8::1', 'an IPv6 address without brackets'],
    ['HOST', '[adapter]', 'a name in brackets'],
    ['HOST', `${'a'.repeat(64)}.example`, 'a label longer than DNS allows'],
    ['HOST', `${'a.'.repeat(127)}example`, 'a name longer than DNS allows'],
    ['LISTEN_HOST', '0.0.0.0:3000', 'a port'],
    ['LISTEN_HOST', '[::]', 'brackets'],
    ['LISTEN_HOST', 'http://0.0.0.0', 'a URL'],
    ['LISTEN_HOST', '0.0.0.0\n', 'a line end'],
    ['ADMIN_HOST', '127.0.0.1:3001', 'a port', PAGE],
    ['TLS_CERT_FILE', 'file:///etc/tls/tls.crt', 'a URL', { TLS_KEY_FILE: import.meta.filename, TRUST_PROXY: '' }],
    ['TLS_CERT_FILE', import.meta.dirname, 'a folder', { TLS_KEY_FILE: import.meta.filename, TRUST_PROXY: '' }],
    [
      'TLS_KEY_FILE',
      `${import.meta.filename}\n`,
      'a line end',
      { TLS_CERT_FILE: import.meta.filename, TRUST_PROXY: '' },
    ],
    ['DATA_DIR', '/data\n', 'a line end'],
    ['DATA_DIR', '/da\0ta', 'a control character'],
    ['DATA_DIR', 'file:///data', 'a URL'],
    ['DATA_DIR', '~/data', 'nothing replaces the tilde'],
    ['DATABASE_URL', 'postgres://db/x\n', 'a line end'],
    ['DATABASE_URL', ' postgres://db/x', 'white space before it'],
    ['DATABASE_URL', 'mysql://db/x', 'another database'],
    ['DATABASE_URL', 'db.example:5432', 'no URL'],
    ['SENTRY_DSN', 'https://key@sentry.example/1\n', 'a line end'],
    ['SENTRY_DSN', 'https://key@sentry.example/a b/1', 'white space'],
    ['SENTRY_DSN', 'https://sentry.example/1', 'no key'],
    ['METRICS_AUTH_PASSWORD', 'a password\n', 'a line end', METRICS],
    ['METRICS_AUTH_PASSWORD', ' a password', 'white space before it', METRICS],
    ['METRICS_AUTH_PASSWORD', 'a\npassword', 'two lines', METRICS],
    ['METRICS_AUTH_USERNAME', 'prometheus\n', 'a line end', METRICS],
    ['METRICS_AUTH_USERNAME', 'team:prometheus', 'a colon, which ends a user name', METRICS],
    ['ADMIN_AUTH_PASSWORD', 'correct horse battery\r\n', 'a line end', PAGE],
    ['ADMIN_AUTH_USERNAME', 'operator ', 'white space after it', PAGE],
    ['ADMIN_AUTH_USERNAME', 'a:b', 'a colon', PAGE],
    ['ADMIN_FORWARDED_USER_HEADER', 'X-Forwarded-Email:', 'a colon', FORWARDED],
    ['ADMIN_TRUSTED_PROXIES', '10.0.0.1:443', 'a port', PAGE],
    ['ADMIN_READER_PASSWORD', 'a password to look\n', 'a line end', { ...PAGE, ADMIN_READER_USERNAME: 'visitor' }],
    ['ADMIN_READER_USERNAME', 'a:b', 'a colon', { ...PAGE, ADMIN_READER_PASSWORD: 'a password to look' }],
    ['ADMIN_WRITERS', ' , ', 'no entry', PAGE],
    ['TRUST_PROXY', 'ingress.example', 'a name'],
    ['JWE_SHARED_KEY', 'Xk2fQ9wLs7TgBzR4\n', 'a line end'],
    ['JWE_SHARED_KEY', 'Xk2fQ9wLs7TgBzR\n', 'a line end that makes up the length'],
    ['JWE_PREVIOUS_KEYS', 'Xk2fQ9wLs7TgBzR4,Xk2fQ9w\nLs7TgBzR', 'a line end inside'],
    ['PORT', '3000\n', 'a line end'],
    ['PORT', '3e3', 'not digits only'],
    ['CONCURRENCY', '16.5', 'not whole'],
    ['KEEP_DAYS', '28', 'the sender may still repeat'],
    ['STOP_GRACE_SECONDS', '25s', 'the unit is part of the name'],
    ['BODY_LIMIT_BYTES', '2MB', 'the unit is part of the name'],
    ['LOG_LEVEL', 'info ', 'white space after it'],
    ['ADAPTER_ROLE', 'Web', 'another word'],
  ] as readonly (readonly [string, string, string, Record<string, string>?])[])
    it(`refuses ${name}=${JSON.stringify(value)} by name, once, without quoting it: ${why}`, () => {
      const problems = problemsOf({ ...others, [name]: value })

      expect(problems).to.have.length(1)
      expect(problems[0]).to.match(new RegExp(`^${name}\\b`))
      expect(problems[0]).to.not.include(value)
      if (value.trim().length > 4) expect(problems[0]).to.not.include(value.trim())
    })

  it('names a setting whose name follows the byte order mark of its file', () => {
    const problems = ['\ufeffRETRY_LIMIT', '\u00ef\u00bb\u00bfRETRY_LIMIT'].map((name) => problemsOf({ [name]: '3' }))

    for (const found of problems)
      expect(found).to.deep.equal(['RETRY_LIMIT follows a byte order mark: save the file of settings without one'])
  })
})
