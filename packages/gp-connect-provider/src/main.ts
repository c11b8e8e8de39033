/** Runs the commands of the package with the arguments of the process: the gateway, or those for an audit trail. */
import { runAuditCommand } from './audit-command.ts'
import { runGatewayCommand } from './gateway-command.ts'
import { terminal } from './terminal.ts'

const [command, ...rest] = process.argv.slice(2)
process.exitCode =
  command === 'gateway'
    ? await runGatewayCommand(rest, terminal())
    : await runAuditCommand(process.argv.slice(2), terminal())
