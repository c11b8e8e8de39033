/** `npm start`: the bundle with a certificate and a shared key of its own, and a stand-in for the case system. */
import { startCaseSystem } from '../../test/case-system.ts'
import { develop } from '../develop.ts'

const { CASEWORK_URL = (await startCaseSystem()).url } = process.env
await develop(import.meta.resolve('./out/main.mjs'), { CASEWORK_URL })
