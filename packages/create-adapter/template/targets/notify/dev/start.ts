/** `npm run dev`: the adapter on this machine, with a stand-in for GOV.UK Notify. */
import { develop } from '@formbuilder/submitter/development'
import { startStandIn } from './stand-in.ts'

const standIn = await startStandIn()
await develop({ main: 'src/main.ts', environment: standIn.environment })
await standIn.stop()
