/** The names of all settings that the adapter reads. A chart or compose file may set no others. */
import { SETTINGS } from '@formbuilder/adapter-sdk'
import { SERVER_SETTINGS } from '../../../adapter-sdk/src/config-table.ts'
import { OPTICS_SETTINGS } from '../../src/config.ts'

export const KNOWN_SETTINGS: ReadonlySet<string> = new Set([
  ...Object.keys(SETTINGS),
  ...Object.keys(SERVER_SETTINGS),
  ...Object.keys(OPTICS_SETTINGS),
])
