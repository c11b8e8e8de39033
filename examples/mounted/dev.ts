/** `npm start`: the example with a certificate, a shared key and a password of its own. */
import { randomBytes } from 'node:crypto'
import { develop } from '../develop.ts'

const password = randomBytes(12).toString('base64url')
await develop(import.meta.resolve('./src/main.ts'), {
  HANDLED_AUTH_USERNAME: 'developer',
  HANDLED_AUTH_PASSWORD: password,
})
const { PORT, HANDLED_AUTH_USERNAME, HANDLED_AUTH_PASSWORD } = process.env
const url = `https://localhost:${PORT}/internal/handled`
console.log(
  `How many were handled: curl --cacert .development/certificate.pem --user ${HANDLED_AUTH_USERNAME}:${HANDLED_AUTH_PASSWORD} ${url}`,
)
