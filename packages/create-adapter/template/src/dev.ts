/** Starts the adapter on this machine, with a certificate and a shared key of its own, kept in .development. */
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'
import { adapter } from './adapter.ts'

await adapter.start({ environment: await developmentEnvironment('.development', process.env) })
