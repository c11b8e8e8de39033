/** The load, in a process of its own: keep-alive TLS connections that send prepared requests and read whole answers. */
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

/** What a run is told, as the first message from the parent. */
export interface LoadOrder {
  readonly port: number
  readonly path: string
  readonly ca: string
  /** A file with one request body a line. Each is sent once; then from the beginning. */
  readonly bodies: string
  readonly from: number
  readonly connections: number
  readonly seconds: number
  /** Ends after so many requests, whatever the time. */
  readonly count?: number
  /** Requests a second in all, evenly spaced; absent: each connection sends as soon as it has its answer. */
  readonly rate?: number
  /** A new connection for each request. `resume`: with the session of the one before. */
  readonly reconnect?: 'full' | 'resume'
  /** GET instead of POST, with these header lines. */
  readonly get?: readonly string[]
  /** PEM files that the client shows of itself. */
  readonly client?: { readonly cert: string; readonly key: string }
}

/** What a run found. Milliseconds are from the moment a request was due to the last byte of its answer. */
export interface LoadReport {
  readonly answers: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly statuses: Readonly<Record<string, number>>
  /** Share of one core that the load itself used: near 1, it was the bottleneck. */
  readonly loadCores: number
  readonly bytes: number
  readonly sent: number
}

process.once('message', (order: LoadOrder) => {
  run(order).then(
    (report) => process.send?.(report, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

async function run(order: LoadOrder): Promise<LoadReport> {
  const requests = readFileSync(order.bodies, 'latin1')
    .trimEnd()
    .split('\n')
    .map((body) => prepare(order, body))
  const latencies: number[] = []
  const statuses: Record<string, number> = {}
  let next = order.from
  let bytes = 0
  const ca = readFileSync(order.ca)
  const client = order.client && { cert: readFileSync(order.client.cert), key: readFileSync(order.client.key) }
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => Connection.open(order.port, { ca, ...client })),
  )
  const cpu = process.cpuUsage()
  const started = performance.now()
  const { count = Number.POSITIVE_INFINITY } = order
  const end = order.count === undefined ? started + order.seconds * 1000 : Number.POSITIVE_INFINITY
  let due = started

  async function sender(first: Connection): Promise<void> {
    let connection = first
    while (performance.now() < end && next - order.from < count) {
      let begin = performance.now()
      if (order.rate !== undefined) {
        // A request that could not be sent in time was still due then: its wait counts.
        begin = due
        due += 1000 / order.rate
        if (begin > end) break
        const early = begin - performance.now()
        if (early > 1) await new Promise((resolve) => setTimeout(resolve, early))
      }
      if (order.reconnect !== undefined) {
        const session = order.reconnect === 'resume' ? connection.session : undefined
        connection.close()
        connection = await Connection.open(order.port, { ca, ...client, ...(session && { session }) })
      }
      const answer = await connection.ask(requests[next++ % requests.length] as Buffer)
      latencies.push(performance.now() - begin)
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
      bytes += answer.bytes
    }
    connection.close()
  }

  await Promise.all(connections.map(sender))
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return {
    answers: latencies.length,
    seconds,
    perSecond: latencies.length / seconds,
    p50: at(0.5),
    p99: at(0.99),
    statuses,
    loadCores: (used.user + used.system) / 1e6 / seconds,
    bytes,
    sent: next - order.from,
  }
}

function prepare({ path, get }: LoadOrder, body: string): Buffer {
  if (get !== undefined)
    return Buffer.from([`GET ${path} HTTP/1.1`, 'Host: localhost', ...get, '', ''].join('\r\n'), 'latin1')
  // As libcurl sends for the real sender.
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nContent-Length: ${body.length}\r\n`
  return Buffer.from(`${head}Content-Type: application/x-www-form-urlencoded\r\n\r\n${body}`, 'latin1')
}

/** One connection that asks one thing at a time. It reads no more of an answer than its status and its length. */
class Connection {
  session: Buffer | undefined
  readonly #socket: TLSSocket
  #head = ''
  #left = -1
  #bytes = 0
  #status = ''
  #answered: ((answer: { status: string; bytes: number }) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.on('session', (session) => {
      this.session = session
    })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => this.#failed?.(error))
    socket.on('close', () => this.#failed?.(new Error('the server closed the connection')))
  }

  static async open(port: number, tls: ConnectionOptions): Promise<Connection> {
    return await new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ...tls }, () => {
        socket.setNoDelay(true)
        resolve(new Connection(socket))
      })
      socket.once('error', reject)
    })
  }

  async ask(request: Buffer): Promise<{ status: string; bytes: number }> {
    return await new Promise((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    let body = chunk.byteLength
    if (this.#left < 0) {
      this.#head += chunk.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#head.slice(0, end)
      this.#status = head.slice(9, 12)
      this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      body = this.#head.length - end - 4
      this.#head = ''
      this.#bytes = 0
    }
    this.#bytes += body
    this.#left -= body
    if (this.#left > 0) return
    this.#left = -1
    this.#failed = undefined
    this.#answered?.({ status: this.#status, bytes: this.#bytes })
  }
}
