/** `npm start`: the example with Express, and with the throwaway certificates of the example with Koa. `npm start fastify`: another. */
import { provide } from '../provide.ts'

const [framework = 'express'] = process.argv.slice(2)
await provide(import.meta.resolve(`./src/${framework}.ts`))
