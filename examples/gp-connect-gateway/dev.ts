/** `npm start`: the system in Python, and the gateway in front of it, with the throwaway certificates of the example with Koa. */
import { provide } from '../provide.ts'

await provide(import.meta.resolve('./both.ts'))
