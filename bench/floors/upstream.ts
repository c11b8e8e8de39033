/** A system behind the gateway that answers with a small JSON, or with as many bytes as the query asks for. */
import { createServer } from 'node:http'

const answer = JSON.stringify({ resourceType: 'Patient', id: '1', meta: { versionId: '1' } })
const chunk = Buffer.alloc(65_536, 'x')

createServer((request, response) => {
  const bytes = Number(/[?&]bytes=(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
  if (bytes === 0) {
    response.setHeader('Content-Type', 'application/fhir+json; charset=utf-8').end(answer)
    return
  }
  response.setHeader('Content-Length', bytes)
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const part = chunk.subarray(0, left)
      left -= part.byteLength
      if (!response.write(part)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}).listen(Number(process.env['PORT']), '127.0.0.1', () => process.send?.('ready'))
