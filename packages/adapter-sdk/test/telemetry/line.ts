/** What every line of a log has to be. */
import { expect } from 'chai'

/** Asserts that a line has one of these events, one time in ISO 8601, and no field twice, also inside of fields. */
export function expectLine(line: string, events: ReadonlySet<string>): void {
  const fields = JSON.parse(line)

  expect(events.has(fields.event), line).to.equal(true)
  expect(fields.time, line).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(fields, line).not.to.have.property('type')
  // A field that stands twice is once in what is parsed.
  expect(JSON.stringify(fields)).to.equal(line)
}
