/** Starts the adapter with the settings of the environment: see .env.example. */
import { adapter } from './adapter.ts'

await adapter.start()
