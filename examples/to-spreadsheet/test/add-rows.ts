/** Adds a row for each id of its command line, and says so after each: `node add-rows.ts FILE ID...`. */
import { spreadsheet } from '../src/spreadsheet.ts'

const [file = '', ...ids] = process.argv.slice(2)
const { add } = spreadsheet(file, ['answer'])
const { signal } = new AbortController()

for (const submissionId of ids) {
  await add({ submissionId, cells: ['x'.repeat(5000)], receivedAt: new Date() }, signal)
  process.stdout.write(`${submissionId}\n`)
}
