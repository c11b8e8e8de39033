/** Defines the commands that pause and resume a form. */
import type { Command } from 'commander'
import { person, REASON, reasonText } from './action-commands.ts'
import { type CommandContext, operator, printer, withStore } from './commands.ts'
import { changeForm, type FormAction } from './pauses.ts'
import { printable } from './text-table.ts'

/** Adds pause and resume. */
export function addPauseCommands(root: Command, context: CommandContext): void {
  const print = printer(context.output)
  for (const [action, { description, done }] of Object.entries(COMMANDS) as [
    FormAction,
    (typeof COMMANDS)[FormAction],
  ][]) {
    const command = root
      .command(action)
      .description(description)
      .argument('<form>', 'name of the form')
      .option('--by <name>', 'who decides, recorded as claimed; default: user and host', person)
      .option('--json', 'as JSON')
    if (action === 'pause') command.requiredOption('--reason <text>', REASON, reasonText)
    else command.option('--reason <text>', REASON, reasonText)
    command.action(async (form: string, { by = operator(), reason: given, json }: Options) => {
      const reason = given ?? null
      await withStore(context, true, (store) => changeForm(store, () => undefined, action, form, { by, reason }))
      print(json, { form, action, by, reason }, () => `${printable(form)} is ${done}`)
    })
  }
}

interface Options {
  readonly by?: string
  readonly reason?: string
  readonly json?: boolean
}

const COMMANDS = {
  pause: {
    description: 'stop the attempts of a form; its submissions are received, and wait until it is resumed',
    done: 'paused: what runs is finished, what comes in waits',
  },
  resume: { description: 'start the attempts of a paused form again', done: 'resumed' },
} as const
