/** Starts the adapter with settings from the environment: see .env.example. */
import { adapter } from './adapter.ts'
import { SETTINGS } from './settings.ts'

await adapter.start({ settings: SETTINGS })
