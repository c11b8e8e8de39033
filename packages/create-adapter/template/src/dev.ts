/** Starts the adapter on this machine, with a certificate and a shared key of its own, kept in .development. */
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'
import { adapter } from './adapter.ts'

const environment = await developmentEnvironment('.development')
await adapter.start({ environment: { ...environment, ...process.env } })
