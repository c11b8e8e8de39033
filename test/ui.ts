/** Mocha's `describe` and `it`; the watchdog learns which file is being loaded. */
import Mocha from 'mocha'
import { watchFile } from './watchdog.ts'

function ui(suite: Mocha.Suite): void {
  suite.on('pre-require', (_context, file) => watchFile(file))
  Mocha.interfaces.bdd?.(suite)
}

export { ui as 'module.exports' }
