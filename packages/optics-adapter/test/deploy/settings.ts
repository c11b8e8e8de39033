/** The settings that the adapter reads: an environment that names others is wrong. */
import { SETTINGS } from '@formbuilder/adapter-sdk'
import { OPTICS_SETTINGS } from '../../src/config.ts'

export const KNOWN_SETTINGS: ReadonlySet<string> = new Set([...Object.keys(SETTINGS), ...Object.keys(OPTICS_SETTINGS)])
