/** Runs `gp-connect-audit` with the arguments of the process. */
import { runAuditCommand } from './audit-command.ts'
import { terminal } from './terminal.ts'

process.exitCode = await runAuditCommand(process.argv.slice(2), terminal())
