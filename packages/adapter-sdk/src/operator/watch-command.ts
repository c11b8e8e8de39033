/** Defines the command that shows the counts live: in place at a terminal, a line each time in a pipe. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { errorName } from '../events.ts'
import { paintOf } from './colour.ts'
import { type CommandContext, withStore } from './commands.ts'
import { wholeNumber } from './filter-options.ts'
import { interruptible } from './interrupts.ts'
import type { Output } from './output.ts'
import { allStatsText, readStats, type Stats } from './stats.ts'
import { second } from './text.ts'
import { pageOf } from './text-table.ts'

/** Adds the command. */
export function addWatchCommand(root: Command, context: CommandContext): void {
  root
    .command('watch')
    .description('show how many submissions are in which state, live; Ctrl-C ends it')
    .option('--every <seconds>', 'how often to look, 1 to 3600', wholeNumber(1, 3600), 2)
    .option('--json', 'a line of JSON each time')
    .action(async ({ every, json }: { every: number; json?: boolean }) => {
      await interruptible((interrupted) => watch(context, interrupted, every, json === true))
    })
}

async function watch(context: CommandContext, interrupted: AbortSignal, every: number, json: boolean): Promise<void> {
  const { output } = context
  const ended = output.closed === undefined ? interrupted : AbortSignal.any([interrupted, output.closed])
  await withStore(context, false, async (store) => {
    // The first look decides whether the store can be used at all.
    let seen: Stats | string = await readStats(store)
    while (!ended.aborted) {
      show(output, seen, every, json)
      await pause(every * 1000, undefined, { signal: ended }).catch(() => undefined)
      if (!ended.aborted) seen = await readStats(store).catch((error: unknown) => errorName(error))
    }
  })
}

function show(output: Output, seen: Stats | string, every: number, json: boolean): void {
  const time = new Date().toISOString()
  if (typeof seen === 'string') {
    const failure = `${second(time)}  the store does not answer: ${seen}`
    if (output.redraw !== undefined && !json) output.redraw(paintOf(output)('bad', failure))
    else output.error(failure)
  } else if (json) {
    output.out(JSON.stringify({ time, ...seen }))
  } else if (output.redraw === undefined) {
    output.out(lineText(time, seen))
  } else {
    const head = `${second(time)}, every ${every} s; Ctrl-C ends it`
    output.redraw(`${head}\n\n${allStatsText(seen, pageOf(output))}`)
  }
}

function lineText(time: string, stats: Stats): string {
  const { waiting, retrying, paused, running, dead, delivered, oldestWaitingSeconds, waitingForFiles } = stats
  const facts = {
    waiting,
    retrying,
    paused,
    running,
    dead,
    delivered,
    oldest: `${Math.floor(oldestWaitingSeconds)} s`,
    'without files': waitingForFiles.reduce((sum, { count }) => sum + count, 0),
  }
  return `${second(time)}  ${Object.entries(facts)
    .map(([name, value]) => `${name} ${value}`)
    .join('  ')}`
}
