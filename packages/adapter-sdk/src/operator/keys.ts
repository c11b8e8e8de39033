/** Defines the command that shows what each key is needed for, and when an old one can be removed. Never a key. */
import { type Command, Option } from 'commander'
import { keyringOf } from '../config.ts'
import { AdapterError } from '../errors.ts'
import { keyIds } from '../store/key-id.ts'
import type { Look } from './colour.ts'
import { type CommandContext, formsWithKeys, printer, withStore } from './commands.ts'
import { type CsvColumn, csvHead, csvRows } from './csv.ts'
import { type KeyReport, keyReports } from './key-rule.ts'
import { minute } from './text.ts'
import { type Page, pageOf, textTable } from './text-table.ts'

/** What the command needs. */
export interface KeysContext extends CommandContext {
  /** Forms whose keys are shown. Default: those that have their own key, and those that the store knows. */
  readonly forms: readonly string[] | undefined
}

/** Adds the command. */
export function addKeysCommand(root: Command, context: KeysContext): void {
  const { environment, output } = context
  root
    .command('keys')
    .description('show when each key was last used, what needs it, and when an old one can be removed')
    .option('--json', 'as JSON')
    .addOption(new Option('--csv', 'as CSV').conflicts('json'))
    .action(async ({ json, csv }: { json?: boolean; csv?: boolean }) => {
      const { now, keys } = await withStore(context, false, async (store) => {
        const [known, needs, salt] = [await store.keyUses(), await store.keyNeeds(), await store.keySalt()]
        const inStore = [...known.uses, ...needs].map(({ form }) => form)
        const forms = context.forms ?? [...new Set([...formsWithKeys(environment), ...inStore])]
        const keyrings = forms.map((form) => {
          const keyring = keyringOf(environment, form)
          if ('problem' in keyring) throw new AdapterError('ERR_CONFIG_INVALID', keyring.problem)
          return [form, keyring.value] as const
        })
        const ids = await keyIds(Object.fromEntries(keyrings), salt)
        return { now: known.now, keys: keyReports(ids, known, needs) }
      })
      printer(output)(json, { now: now.toISOString(), keys }, () =>
        csv ? `${csvHead(CSV_COLUMNS)}${csvRows(CSV_COLUMNS, keys)}`.slice(0, -1) : keysText(keys, now, pageOf(output)),
      )
    })
}

/** Keys, one a line. */
export function keysText(keys: readonly KeyReport[], now: Date, page?: Page): string {
  if (keys.length === 0) return 'no form has received anything yet'
  return textTable<KeyReport>(
    [
      { title: 'FORM', text: ({ form }) => form, least: 6 },
      { title: 'KEY', text: ({ position }) => (position === null ? 'removed' : String(position)) },
      { title: 'RECEIVED', text: ({ lastReceivedAt }) => timeText(lastReceivedAt), givesWay: 2 },
      { title: 'DELIVERED', text: ({ lastDeliveredAt }) => timeText(lastDeliveredAt), givesWay: 1 },
      { title: 'NEEDED BY', text: neededText, least: 10 },
      { title: 'SAFE TO REMOVE', text: (key) => safeText(key, now), look: safeLook, least: 15 },
    ],
    keys,
    page,
  )
}

const CSV_COLUMNS: readonly CsvColumn<KeyReport>[] = [
  ['form', ({ form }) => form],
  ['position', ({ position }) => position],
  ['lastReceivedAt', ({ lastReceivedAt }) => lastReceivedAt],
  ['lastDeliveredAt', ({ lastDeliveredAt }) => lastDeliveredAt],
  ['waiting', ({ neededBy }) => neededBy.waiting],
  ['dead', ({ neededBy }) => neededBy.dead],
  ['kept', ({ neededBy }) => neededBy.kept],
  ['state', ({ state }) => state],
  ['safeFrom', ({ safeFrom }) => safeFrom],
]

function safeLook({ state }: KeyReport): Look | undefined {
  return state === 'safe' ? 'good' : state === 'missing' ? 'bad' : undefined
}

const timeText = (time: string | null) => (time === null ? 'never' : minute(time))

function neededText({ neededBy: { waiting, dead, kept } }: KeyReport): string {
  const counts = [
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
    ...(dead > 0 ? [`${dead} dead`] : []),
    ...(kept > 0 ? [`${kept} kept`] : []),
  ]
  return counts.length === 0 ? '-' : counts.join(', ')
}

function safeText({ state, safeFrom }: KeyReport, now: Date): string {
  const day = safeFrom?.slice(0, 10) ?? ''
  const days = Math.ceil((Date.parse(safeFrom ?? '') - now.getTime()) / DAY_MILLISECONDS)
  switch (state) {
    case 'current':
      return 'no: the current key'
    case 'unpublished':
      return 'no: nothing has come with a newer key'
    case 'early':
      return `in ${days} ${days === 1 ? 'day' : 'days'} (${day}), if nothing needs it`
    case 'needed':
      return 'no: something needs it'
    case 'safe':
      return `since ${day}`
    case 'removed':
      return 'removed'
    case 'missing':
      return 'put it back: something needs it'
  }
}

const DAY_MILLISECONDS = 86_400_000
