/** Shows the first page: whether anything needs attention, and the last 24 hours. */
import type { Middleware } from 'koa'
import { hostText, waitingForFilesText } from '../text.ts'
import { chartOf } from './chart.ts'
import type { OperatorParts, Show } from './parts.ts'
import { timeText } from './views.ts'

export function showOverview({ store }: OperatorParts, show: Show): Middleware {
  return async (ctx) => {
    const counts = await store.counts()
    const hours = await store.hours(HOURS)
    const groups = await store.waitingForFiles()
    const waitingForFiles = waitingForFilesText(groups, timeText)
    const filesGroups = groups.map((each) => ({ ...each, host: hostText(each) }))
    const isLate = counts.oldestWaitingSeconds > LATE_SECONDS
    show(ctx, 'overview', { counts, hours, chart: chartOf(hours), isLate, waitingForFiles, filesGroups })
  }
}

const HOURS = 24
/** The same limit as in the alert on the oldest waiting submission. */
const LATE_SECONDS = 3600
