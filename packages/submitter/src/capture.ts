/** Writes what was sent and answered to a file for a bug report, without key, token, answers, files and links. */
import { closeSync, openSync, writeSync } from 'node:fs'
import { arch, platform } from 'node:os'
import type { Exchange, RecordedHeader } from './exchange.ts'

/** A new file that only its owner can read. */
export class Capture implements Disposable {
  readonly #file: number
  #attempts = 0

  private constructor(file: number) {
    this.#file = file
  }

  /** @throws errors of the file system; EEXIST: the file exists, and is not overwritten */
  static async open(this: void, path: string): Promise<Capture> {
    const capture = new Capture(openSync(path, 'wx', 0o600))
    capture.#write([`npx @formbuilder/submitter on Node ${process.version}, ${platform()} ${arch()}`, LEFT_OUT])
    return capture
  }

  /** Adds a request. A disk that is full ends the capture, not the sending. */
  add(exchange: Exchange): void {
    this.#attempts++
    this.#write(['', `attempt ${this.#attempts}, ${exchange.at}`, ...lines(exchange)])
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #write(text: readonly string[]): void {
    try {
      writeSync(this.#file, `${text.join('\n')}\n`)
    } catch {
      // The submission matters more than its record.
    }
  }
}

const LEFT_OUT = 'Key, token, answers, files, links and unknown headers are left out.'

function lines({ url, tls, requestHeaders, jwe, answer, failure, milliseconds }: Exchange): string[] {
  const length = jwe.parts.reduce((sum, part) => sum + part + 1, -1)
  const times = Object.entries(milliseconds).map(([step, time]) => `${step} after ${time} ms`)
  return [
    `> POST ${url} (TLS: ${tls})`,
    ...requestHeaders.map((header) => `> ${headerLine(header)}`),
    `> body: compact JWE of ${length} characters, parts ${jwe.parts.join('.')}, header ${jwe.header}`,
    ...(answer === undefined ? [] : [`< ${answer.status}`, ...answer.headers.map((each) => `< ${headerLine(each)}`)]),
    ...(answer === undefined ? [] : [`< body: ${answer.bytes} bytes, problem code: ${answer.problemCode ?? 'none'}`]),
    ...(failure === undefined ? [] : [`! ${failure}`]),
    times.join(', '),
  ]
}

function headerLine([name, value]: RecordedHeader): string {
  return `${name}: ${value ?? '(left out)'}`
}
