/** A sender like the platform: it repeats what was not acknowledged, each time encrypted anew and with fresh links. */
import { randomBytes, randomUUID } from 'node:crypto'
import { Agent, request } from 'node:https'
import { setTimeout as elapsed } from 'node:timers/promises'
import { type AttachmentLink, encryptCompact, type Key, parseKeyring } from '@formbuilder/adapter-sdk/protocol'
import type { TestFileStore, Upload } from '@formbuilder/adapter-sdk/testing'

/** What a citizen sends, made up, so that every word of it can be looked for afterwards. */
export interface Letter {
  readonly submissionId: string
  /** In every answer, and nowhere else in the world. */
  readonly mark: string
  readonly answers: Readonly<Record<string, unknown>>
  readonly uploads: readonly Upload[]
}

export function letter(options: { readonly withFile?: boolean } = {}): Letter {
  const mark = randomBytes(9).toString('hex')
  return {
    submissionId: randomUUID(),
    mark,
    answers: {
      courtortribunalyourcomplaintisabout_autocomplete_1: '1111',
      youraddress_address_1: { address_line_one: `1 ${mark} Street`, city: 'Sometown', postcode: 'AB1 2CD' },
      yourname_text_1: `Firstname${mark}`,
      yourname_text_2: `Surname${mark}`,
      youremailaddress_email_1: `${mark}@example.org`,
      yourcomplaint_textarea_1: `It happened like this: ${mark}.`,
    },
    uploads: options.withFile
      ? [
          {
            filename: `letter-${mark}.txt`,
            mimetype: 'text/plain',
            content: Buffer.from(`A file about ${mark}. `.repeat(50)),
          },
        ]
      : [],
  }
}

export interface SenderOptions {
  readonly authority: string
  readonly fileStore: TestFileStore
  readonly sharedKey: string
  /** Ports of all replicas. */
  readonly ports: readonly number[]
  /** Ends every wait for an answer that does not come. */
  readonly over: AbortSignal
}

export class Sender {
  readonly #options: SenderOptions
  readonly #key: Key
  readonly #agent: Agent
  /** Submissions that were answered with 2xx at least once. */
  readonly acknowledged = new Map<string, Letter>()
  /** Answers by status; 0 stands for none. */
  readonly answers = new Map<number, number>()
  /** Keys of files that were on their way, as sent. */
  readonly fileKeys: string[] = []

  constructor(options: SenderOptions) {
    this.#options = options
    this.#key = parseKeyring(options.sharedKey).keys[0] as Key
    this.#agent = new Agent({ ca: options.authority, keepAlive: true, maxSockets: 40 })
  }

  /** Delivers until it is acknowledged. */
  async sendUntilAcknowledged(sent: Letter): Promise<void> {
    while (!isAcknowledged(await this.send(sent))) {
      await elapsed(100 + Math.random() * 200, undefined, { signal: this.#options.over })
    }
  }

  /** Delivers so many copies at the same moment, and then until one is acknowledged. */
  async sendAtOnce(sent: Letter, copies: number): Promise<void> {
    const statuses = await Promise.all(Array.from({ length: copies }, () => this.send(sent)))
    if (!statuses.some(isAcknowledged)) await this.sendUntilAcknowledged(sent)
  }

  /** One delivery; resolves with the status, or 0 when there was no answer. */
  async send(sent: Letter, links?: readonly AttachmentLink[], key = this.#key): Promise<number> {
    const attachments = links ?? sent.uploads.map((upload) => this.#options.fileStore.link(upload))
    for (const { encryption_key } of attachments) this.fileKeys.push(encryption_key)
    const payload = {
      serviceSlug: 'hmcts-complaint-form-eng',
      submissionId: sent.submissionId,
      submissionAnswers: sent.answers,
      attachments,
    }
    const status = await this.#post(await encryptCompact(JSON.stringify(payload), key))
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
    if (isAcknowledged(status)) this.acknowledged.set(sent.submissionId, sent)
    return status
  }

  close(): void {
    this.#agent.destroy()
  }

  #post(body: string): Promise<number> {
    const { ports } = this.#options
    const port = ports[Math.floor(Math.random() * ports.length)] as number
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(body) }
    return new Promise((resolve) => {
      const posting = request(
        {
          host: '127.0.0.1',
          servername: 'localhost',
          port,
          method: 'POST',
          path: '/v2/complaint',
          headers,
          agent: this.#agent,
        },
        (response) => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
          response.on('error', () => resolve(0))
        },
      )
      posting.on('error', () => resolve(0))
      // The ingress between the platform and an adapter gives up some day too.
      posting.setTimeout(20_000, () => posting.destroy(new Error('no answer')))
      posting.end(body)
    })
  }
}

const isAcknowledged = (status: number) => status >= 200 && status <= 299
