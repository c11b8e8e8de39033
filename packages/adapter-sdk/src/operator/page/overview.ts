/** Shows the first page: how things are, what needs attention, and what happened lately. */
import type { Middleware } from 'koa'
import { hostText, waitingForFilesText } from '../text.ts'
import { chartOf, PERIOD_CHOICES, periodOf } from './chart.ts'
import { field, type OperatorParts, type Show } from './parts.ts'
import { type Known, stateLines } from './state-lines.ts'
import { timeText } from './views.ts'

export function showOverview(parts: OperatorParts, show: Show): Middleware {
  const { store } = parts
  return async (ctx) => {
    const period = periodOf(field(ctx.URL.searchParams, 'period'))
    const known = await read(parts)
    const forms = (known.forms ?? []).map(({ name }) => name)
    const form = forms.find((name) => name === field(ctx.URL.searchParams, 'form'))
    const hours = known.counts && (await store.hours(period.hours, form))
    const { counts, waitingForFiles = [] } = known
    // A store that does not answer is the one thing to say: the page still says it.
    if (counts === undefined) ctx.status = 503
    show(ctx, 'overview', {
      lines: stateLines(known),
      counts,
      chart: hours && chartOf(period, hours),
      period,
      periods: PERIOD_CHOICES,
      form,
      forms,
      isLate: (counts?.oldestWaitingSeconds ?? 0) > LATE_SECONDS,
      waitingForFiles: waitingForFilesText(waitingForFiles, timeText),
      filesGroups: waitingForFiles.map((each) => ({ ...each, host: hostText(each) })),
    })
  }
}

/** Reads everything at once. What cannot be read is left out, and the line of the store says why. */
async function read({ store, forms: own, self }: OperatorParts): Promise<Known> {
  const or = <T>(reading: Promise<T>): Promise<T | undefined> => reading.catch(() => undefined)
  const [isWritable, counts, forms, refusals, waitingForFiles, processes, keys] = await Promise.all([
    store.check().then(
      () => true,
      () => false,
    ),
    or(store.counts()),
    or(store.forms()),
    or(store.refusals(REFUSAL_HOURS)),
    or(store.waitingForFiles()),
    or(store.processes()),
    or(self.keys()),
  ])
  return {
    store: { kind: store.kind, isWritable },
    ...{ counts, forms, refusals, waitingForFiles, processes, keys },
    missingKeys: self.missingKeys(),
    certificateDaysLeft: self.certificateDaysLeft(),
    own: { version: self.version, role: self.role, forms: own },
  }
}

const REFUSAL_HOURS = 24
/** The same limit as in the alert on the oldest waiting submission. */
const LATE_SECONDS = 3600
