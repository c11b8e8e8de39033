/** The command `optics-stand-in`. */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { startOpticsStandIn } from './index.ts'

const options = new Command('optics-stand-in')
  .description('A stand-in for Optics (iCasework): creates cases in memory, and fails on request')
  .addOption(new Option('--port <number>', 'port to listen on').env('PORT').default('8600'))
  .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
  .addOption(
    new Option('--cert <file>', 'certificate chain in PEM; without it the stand-in uses HTTP').env('TLS_CERT_FILE'),
  )
  .addOption(new Option('--key <file>', 'private key in PEM').env('TLS_KEY_FILE'))
  .addOption(new Option('--api-key <text>', 'issuer that may get tokens').env('OPTICS_API_KEY').makeOptionMandatory())
  .addOption(
    new Option('--secret-key <text>', 'key that verifies its signature').env('OPTICS_SECRET_KEY').makeOptionMandatory(),
  )
  .addOption(new Option('--token-seconds <number>', 'lifetime of a token').default('3600'))
  .addOption(new Option('--types <list>', 'accepted values of Type, separated by commas; default: those of HMCTS'))
  .addOption(new Option('--document-origin <url>', 'fetch documents from this origin instead of the one in their URL'))
  .parse()
  .opts<Record<string, string | undefined>>()

const { cert, key } = options
if ((cert === undefined) !== (key === undefined)) throw new Error('--cert and --key must be used together')

const standIn = await startOpticsStandIn({
  port: Number(options['port']),
  host: options['host'] ?? '127.0.0.1',
  apiKey: options['apiKey'] ?? '',
  secretKey: options['secretKey'] ?? '',
  tokenSeconds: Number(options['tokenSeconds']),
  ...(cert !== undefined &&
    key !== undefined && { tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } }),
  ...(options['types'] !== undefined && { types: options['types'].split(',') }),
  ...(options['documentOrigin'] !== undefined && { documentOrigin: options['documentOrigin'] }),
})
console.log(`optics-stand-in listens on ${standIn.url}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void standIn.stop())
