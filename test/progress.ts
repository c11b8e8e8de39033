/** What a parallel run prints: a line for each file that has ended, failures at once, and which files they are in. */
import { relative } from 'node:path'
import Mocha from 'mocha'

export class Progress extends Mocha.reporters.Base {
  /** Files that have ended, by their path. */
  readonly ended = new Set<string>()
  readonly #failedIn = new Map<string, number>()

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options)
    let [file, passed, failed] = ['', 0, 0]
    // Mocha hands over the events of a file all at once, when it has ended.
    runner.on('suite', (suite) => {
      if (suite.root) [file, passed, failed] = ['', 0, 0]
      file ||= suite.file ?? ''
    })
    runner.on('pass', (test) => {
      passed += 1
      file ||= test.file ?? ''
    })
    runner.on('fail', (test) => {
      failed += 1
      file ||= test.file ?? ''
      this.#fail(test.file ?? file)
    })
    runner.on('suite end', (suite) => {
      if (!suite.root) return
      this.ended.add(file)
      console.log(`${failed === 0 ? ' ok ' : 'FAIL'} ${shorten(file)} (${passed + failed})`)
    })
    runner.once('end', () => {
      this.epilogue()
      for (const [path, count] of this.#failedIn) console.log(`${count} failed in ${shorten(path)}`)
    })
  }

  #fail(path: string): void {
    this.#failedIn.set(path, (this.#failedIn.get(path) ?? 0) + 1)
    const failure = this.failures.at(-1)
    if (failure !== undefined) {
      console.log(`FAIL ${shorten(path)}`)
      Mocha.reporters.Base.list([failure])
    }
  }
}

const shorten = (path: string) => relative(process.cwd(), path)
