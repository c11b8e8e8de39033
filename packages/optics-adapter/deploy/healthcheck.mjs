// Exits with 0 when the adapter on this machine answers /health. Does not check the certificate, which names the public host.
import { request as http } from 'node:http'
import { request as https } from 'node:https'

const port = process.env.PORT || '3000'
const ask = process.env.TLS_CERT_FILE ? https : http
const asking = ask({ host: '127.0.0.1', port, path: '/health', timeout: 4000, rejectUnauthorized: false }, (answer) => {
  process.exit(answer.statusCode === 200 ? 0 : 1)
})
asking.on('timeout', () => asking.destroy())
asking.on('error', () => process.exit(1))
asking.end()
