import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as elapsed } from 'node:timers/promises'
import { expect } from 'chai'
import { type Program, type Start, startProgram } from '../../packages/adapter-sdk/test/adapter-program.ts'
import { freePort } from '../../packages/adapter-sdk/test/free-port.ts'
import { until } from '../../packages/adapter-sdk/test/until.ts'

/** Their lines, of nine hundred bytes each, are more than a pipe and what is kept beside it hold: 320 KiB. */
const SUBMISSIONS = Number(process.env['STALL_SUBMISSIONS'] ?? 500)
/** How long the reader stalls at least. */
const STALL_SECONDS = Number(process.env['STALL_SECONDS'] ?? 1)

describe('a reader of the log that stalls', () => {
  let folder = ''
  let program: Program | undefined
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stalled-reader-'))
  })
  afterEach(async () => {
    await program?.kill()
    rmSync(folder, { recursive: true })
  })

  async function start(more: Partial<Start>): Promise<{ program: Program; port: number }> {
    const port = await freePort()
    const environment = {
      PORT: String(port),
      DATA_DIR: join(folder, 'data'),
      LOG_LEVEL: 'debug',
      METRICS_AUTH_USERNAME: 'prometheus',
      METRICS_AUTH_PASSWORD: 'scrape',
    }
    program = startProgram({ ...more, environment })
    return { program, port: await program.listening }
  }

  it('of a pipe loses lines, which are counted; every submission is accepted and delivered', async () => {
    const pipe = new Fifo(join(folder, 'log'))
    const { program, port } = await start({ output: pipe.writer })
    const stalled = elapsed(STALL_SECONDS * 1000)

    await sendAll(program)
    await delivered(port)
    await stalled
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).to.equal(200)
    const dropped = await metric(port, 'formbuilder_log_lines_dropped_total')
    expect(dropped).to.be.above(0)

    const lines = await pipe.readUntil((line) => line.event === 'log.dropped')
    expect(lines.at(-1)).to.include({ level: 'warn', event: 'log.dropped', lines: dropped })
    expect(lines.filter(({ event }) => event === 'log.dropped')).to.have.length(1)
    expect(await program.kill('SIGTERM')).to.equal(0)
    expect(pipe.lines().at(-1)?.event).to.equal('adapter.stopped')
    pipe.close()
  })

  it('of a pipe has last words written for it if it reads again within 200 ms of the exit', async () => {
    const pipe = new Fifo(join(folder, 'log'))
    const options = exitClock(join(folder, 'exit'), 0)
    const { program, port } = await start({ output: pipe.writer, options })
    // More than the pipe holds, and less than is kept beside it.
    await sendAll(program, 140)
    await delivered(port, 140)
    expect(await metric(port, 'formbuilder_log_lines_dropped_total')).to.equal(0)
    const ended = program.kill('SIGTERM')
    const tries = () => readFileSync(join(folder, 'exit'), 'utf8').split(' ').length
    await until(() => existsSync(join(folder, 'exit')) && tries() > 3)

    const lines = await pipe.readUntil((line) => line.event === 'adapter.stopped')

    expect(lines.at(-1)?.event).to.equal('adapter.stopped')
    expect(await ended).to.equal(0)
    pipe.close()
  })

  it('of a pipe has last words tried for 200 ms by the clock of the process, and no longer', async () => {
    const pipe = new Fifo(join(folder, 'log'))
    const options = exitClock(join(folder, 'exit'), 50)
    const { program, port } = await start({ output: pipe.writer, options })
    await sendAll(program)
    await delivered(port)

    expect(await program.kill('SIGTERM')).to.equal(0)

    // The end is set at 0; then the clock is asked at 50, 100 and 150, when it is tried again, and at 200.
    expect(readFileSync(join(folder, 'exit'), 'utf8')).to.equal('0 50 100 150 200 ')
    pipe.close()
  })

  it('of a pipe does not keep SIGTERM from ending the process', async () => {
    const pipe = new Fifo(join(folder, 'log'))
    const { program, port } = await start({ output: pipe.writer })
    await sendAll(program)
    await delivered(port)

    expect(await program.kill('SIGTERM')).to.equal(0)
    pipe.close()
  })

  it('of a terminal does neither', async () => {
    const { program, port } = await start({
      prefix: ['sh', '-c', 'exec script --quiet --return --command "$*" /dev/null', 'sh'],
      ...{ output: openSync('/dev/null', 'w') },
    })
    process.kill(program.pid, 'SIGSTOP') // now nothing reads the terminal
    await sendAll(program)
    await delivered(port)
    expect(await metric(port, 'formbuilder_log_lines_dropped_total')).to.be.above(0)

    const [pid] = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').split(' ').map(Number)
    process.kill(pid as number, 'SIGTERM')
    await until(() => isOver(pid as number))
    process.kill(program.pid, 'SIGCONT')
  })

  it('that is gone stops nothing either', async () => {
    const pipe = new Fifo(join(folder, 'log'))
    const { program, port } = await start({ output: pipe.writer })
    pipe.close()
    await sendAll(program, 20)

    await delivered(port, 20)
    expect(await program.kill('SIGTERM')).to.equal(0)
  })

  it('of a file does not exist: every line is written', async () => {
    const file = join(folder, 'log')
    const { program, port } = await start({ output: openSync(file, 'w') })
    await sendAll(program, 20)
    await delivered(port, 20)

    expect(await program.kill('SIGTERM')).to.equal(0)
    const events = parsed(readFileSync(file, 'utf8')).map(({ event }) => event)
    expect(events.filter((event) => event === 'submission.delivered')).to.have.length(20)
    expect(events.at(-1)).to.equal('adapter.stopped')
  })
})

/** From the exit on, the clock goes on by this many milliseconds each time it is asked, and the file has what it said. */
function exitClock(file: string, stepMilliseconds: number): string[] {
  const code = `import { appendFileSync } from 'node:fs'
    process.on('exit', () => {
      let time = 0
      performance.now = () => {
        const said = time
        time += ${stepMilliseconds}
        appendFileSync(${JSON.stringify(file)}, said + ' ')
        return said
      }
    })`
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
}

interface Line {
  readonly event?: string
  readonly level?: string
  readonly lines?: number
}

/** A pipe with a name. The reading end is open too, so that the program can write. */
class Fifo {
  readonly writer: number
  readonly #reader: number
  #text = ''

  constructor(path: string) {
    execFileSync('mkfifo', [path])
    this.#reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    this.writer = openSync(path, constants.O_WRONLY)
  }

  /** Reads what the pipe holds, and returns every line so far. */
  lines(): Line[] {
    const buffer = Buffer.alloc(65_536)
    try {
      for (let read = 1; read > 0; ) {
        read = readSync(this.#reader, buffer)
        this.#text += buffer.toString('latin1', 0, read)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
    return parsed(this.#text.slice(0, this.#text.lastIndexOf('\n') + 1))
  }

  async readUntil(isLast: (line: Line) => boolean): Promise<Line[]> {
    await until(() => this.lines().some(isLast))
    return this.lines()
  }

  close(): void {
    closeSync(this.#reader)
    closeSync(this.writer)
  }
}

function parsed(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line)
}

async function sendAll(program: Program, submissions = SUBMISSIONS): Promise<void> {
  for (let sent = 0; sent < submissions; sent += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => program.send(randomUUID())))
    expect(answers.every(({ status }) => status === 201 || status === 200 || status === 202)).to.equal(true)
  }
}

async function delivered(port: number, submissions = SUBMISSIONS): Promise<void> {
  const name = 'formbuilder_submissions_delivered_total{form="complaint"}'
  await until(async () => (await metric(port, name)) === submissions)
}

async function metric(port: number, name: string): Promise<number> {
  const headers = { Authorization: `Basic ${btoa('prometheus:scrape')}`, 'X-Forwarded-Proto': 'https' }
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? Number.NaN : Number(line.slice(name.length))
}

function isOver(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] === 'Z'
  } catch {
    return true
  }
}
