/** Defines the commands that copy a store, and make a restored copy safe to use. */
import type { Command } from 'commander'
import { backupTakenAt, markRestored } from '../store/open.ts'
import { backUp } from './backup.ts'
import { type CommandContext, operator, placeOf, printer } from './commands.ts'
import { time } from './filter-options.ts'
import { backupText, restoredText } from './text.ts'

/** Adds the commands that copy a store, and make a restored copy safe to use. */
export function addBackupCommands(root: Command, { name, environment, output }: CommandContext): void {
  const print = printer(output)

  root
    .command('backup')
    .description('copy the store of DATA_DIR while the adapter runs; a PostgreSQL is backed up with its own tools')
    .argument('<folder>', 'where to copy it; an earlier backup there is replaced')
    .option('--json', 'as JSON')
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const { DATABASE_URL: url, DATA_DIR: dataDir = './data' } = placeOf(environment)
      if (url !== undefined) root.error('error: the store is PostgreSQL: back it up with pg_dump or pg_basebackup')
      const { takenAt, files } = await backUp(dataDir, folder)
      print(json, { takenAt: takenAt.toISOString(), files }, () =>
        backupText({ takenAt, files, folder, dataDir }, name),
      )
    })

  root
    .command('restored')
    .description('after a restore, before the adapter starts: make all that is not delivered uncertain')
    .requiredOption('--backup-taken <time>', 'when the backup was taken, as 2026-11-28T01:00:00Z', time)
    .requiredOption('--lost-at <time>', 'when the store was lost', time)
    .option('--json', 'as JSON')
    .action(async ({ backupTaken, lostAt, json }: { backupTaken: Date; lostAt: Date; json?: boolean }) => {
      const place = placeOf(environment)
      if (lostAt < backupTaken) root.error('error: --lost-at must not be before --backup-taken')
      if (lostAt.getTime() > Date.now()) root.error('error: --lost-at must not be in the future')
      const takenAt = await backupTakenAt(place)
      // The sender would be asked to replay too little. An earlier time only asks it for more.
      if (takenAt !== undefined && backupTaken > takenAt) {
        root.error(`error: the backup was taken at ${takenAt.toISOString()}: --backup-taken must not be later`)
      }
      const [from, to] = [backupTaken.toISOString(), lostAt.toISOString()]
      const reason = `restored from the backup of ${from}; the store was lost at ${to}`
      const uncertain = await markRestored(place, operator(), reason)
      print(json, { uncertain, replayFrom: from, replayTo: to }, () => restoredText(uncertain, from, to))
    })
}
