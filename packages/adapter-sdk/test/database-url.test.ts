import { expect } from 'chai'
import { parseDatabaseUrl } from '../src/database-url.ts'

const ROOT = import.meta.filename
const SECRET = 'hunter22'

describe('the URL of a database', () => {
  for (const [url, sslmode, rest, why] of [
    ['postgres://u:p@db/x', 'prefer', 'postgres://u:p@db/x', 'as libpq without sslmode'],
    ['postgresql://db/x?sslmode=disable', 'disable', 'postgresql://db/x', 'as asked'],
    ['postgres://db/x?sslmode=allow', 'allow', 'postgres://db/x', 'as asked'],
    ['postgres://db/x?sslmode=prefer', 'prefer', 'postgres://db/x', 'as asked'],
    ['postgres://db/x?sslmode=require', 'require', 'postgres://db/x', 'as asked'],
    ['postgres://db/x?ssl=true', 'require', 'postgres://db/x', 'as libpq reads it'],
    ['postgres://db/x?sslmode=disable&sslmode=require', 'require', 'postgres://db/x', 'the last one counts'],
    [`postgres://db/x?sslmode=require&sslrootcert=${ROOT}`, 'verify-ca', 'postgres://db/x', 'a root is used'],
    [`postgres://db/x?sslmode=verify-ca&sslrootcert=${ROOT}`, 'verify-ca', 'postgres://db/x', 'as asked'],
    [`postgres://db/x?sslrootcert=${ROOT}&sslmode=verify-full`, 'verify-full', 'postgres://db/x', 'in any order'],
    ['postgres://db/x?sslmode=verify-full', 'verify-full', 'postgres://db/x', 'with the authorities that Node knows'],
    ['postgres://db/x?sslrootcert=system', 'verify-full', 'postgres://db/x', 'as libpq: the strongest mode'],
    ['postgres://db/x?sslmode=require&sslrootcert=', 'require', 'postgres://db/x', 'an empty name is no file'],
    ['postgres://db/x?uselibpqcompat=true&sslmode=require', 'require', 'postgres://db/x', 'a switch of the driver'],
    [
      'postgres://db/x?application_name=a%26b&sslmode=require&port=5433',
      'require',
      'postgres://db/x?application_name=a%26b&port=5433',
      'other parameters are kept as they are',
    ],
    ['postgres://u:p%40%2F%23@db:5432/x', 'prefer', 'postgres://u:p%40%2F%23@db:5432/x', 'a password as it has to be'],
    ['postgres://u:a,b@db/x', 'prefer', 'postgres://u:a,b@db/x', 'a comma in a password'],
    ['postgres://[::1]:5432/x', 'prefer', 'postgres://[::1]:5432/x', 'an IPv6 address'],
    ['postgres://u@/x?host=/run/pg&sslmode=prefer', 'disable', 'postgres://u@/x?host=/run/pg', 'a socket has no TLS'],
    ['postgres://%2Frun%2Fpg/x', 'disable', 'postgres://%2Frun%2Fpg/x', 'a socket has no TLS'],
    ['postgres:///x', 'prefer', 'postgres:///x', 'the host of this machine'],
  ] as const)
    it(`${url.replace(ROOT, 'ROOT')} connects with ${sslmode}: ${why}`, () => {
      const parsed = parseDatabaseUrl(url)

      expect(parsed).to.have.property('value').that.includes({ sslmode, url: rest })
    })

  for (const [url, why] of [
    ['postgres://db/x?sslmode=no-verify', 'a mode of the driver, not of libpq'],
    ['postgres://db/x?sslmode=Require', 'letter case counts for libpq'],
    ['postgres://db/x?sslmode=', 'an empty mode'],
    ['postgres://db/x?sslmode=verify_full', 'a typing error'],
    ['postgres://db/x?ssl=false', 'not as libpq reads it'],
    [`postgres://db/x?sslrootcert=${ROOT}`, 'a root that is not used'],
    [`postgres://db/x?sslmode=disable&sslrootcert=${ROOT}`, 'a root that is not used'],
    [`postgres://db/x?sslmode=allow&sslrootcert=${ROOT}`, 'a root that is not used'],
    [`postgres://db/x?sslmode=prefer&sslrootcert=${ROOT}`, 'a root that is not used'],
    ['postgres://db/x?sslmode=require&sslrootcert=system', 'weaker than the root asks for'],
    ['postgres://db/x?sslmode=verify-ca', 'anybody can have a certificate of a public authority'],
    ['postgres://db/x?sslmode=verify-full&sslrootcert=/none/hunter22.pem', 'no such file'],
    [`postgres://db/x?sslmode=require&sslcert=${ROOT}`, 'a certificate without its key'],
    [`postgres://db/x?sslmode=disable&sslcert=${ROOT}&sslkey=${ROOT}`, 'a certificate that is not used'],
    ['postgres://db/x?sslmode=require&sslcrl=/hunter22', 'the driver would pass over it'],
    ['postgres://db/x?sslmode=require&channel_binding=require', 'the driver would not require it'],
    ['postgres://db/x?sslnegotiation=direct', 'needs a stronger mode'],
    ['mysql://db/x', 'another database'],
    ['jdbc:postgresql://db/x', 'the URL of another program'],
    ['host=db dbname=x', 'another form of libpq'],
    ['hunter22', 'no URL'],
    ['postgres://u:hunter22#1@db/x', 'a number sign that is not written as %23'],
    ['postgres://u:hunter22/1@db/x', 'a slash that is not written as %2F'],
    ['postgres://u:22/hunter22@db/x', 'a slash, and a port before it'],
    ['postgres://u:hunter22@db 1/x', 'white space'],
    ['postgres://db1,db2/x', 'two hosts'],
    ['postgres://u:hunter22@db1:5432,db2:5432/x', 'two hosts'],
  ] as const)
    it(`${url.replace(ROOT, 'ROOT')} is refused: ${why}`, () => {
      const parsed = parseDatabaseUrl(url)

      expect(parsed).to.have.property('problem').that.is.a('string')
      expect(JSON.stringify(parsed)).to.not.include(SECRET)
    })

  for (const [url, warns] of [
    ['postgres://db/x?sslmode=require', true],
    ['postgres://localhost/x?sslmode=require', true],
    ['postgres://db/x?sslmode=prefer', true],
    ['postgres://db/x', true],
    ['postgres://localhost/x', false],
    ['postgres://127.0.0.1/x', false],
    ['postgres:///x?host=/run/pg&sslmode=require', false],
    ['postgres://db/x?sslmode=disable', false],
    ['postgres://db/x?sslmode=verify-full', false],
    [`postgres://db/x?sslmode=require&sslrootcert=${ROOT}`, false],
  ] as const)
    it(`${url.replace(ROOT, 'ROOT')} ${warns ? 'is warned of' : 'needs no warning'}`, () => {
      const parsed = parseDatabaseUrl(url)

      expect('value' in parsed && parsed.value.warning !== undefined).to.equal(warns)
    })
})
