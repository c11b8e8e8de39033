/** Runs `gp-connect-verify-audit [--checkpoint SEQUENCE:HASH] FILE...`, which is `gp-connect-audit verify`. */
import { runAuditCommand } from './audit-command.ts'
import { terminal } from './terminal.ts'

process.exitCode = await runAuditCommand(['verify', ...process.argv.slice(2)], terminal())
