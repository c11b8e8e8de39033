/** Starts the adapter with settings from the environment: see .env.example. */
import { adapter } from './adapter.ts'

await adapter.start()
