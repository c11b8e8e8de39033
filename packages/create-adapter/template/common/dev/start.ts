/** Starts the adapter for development, with a certificate and a shared key that are kept in .development. */
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'
import { adapter } from './adapter.ts'

await adapter.start({ environment: await developmentEnvironment('.development', process.env) })
