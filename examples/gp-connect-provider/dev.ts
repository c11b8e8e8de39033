/** `npm start`: the example with throwaway certificates in `pki`. */
import { provide } from '../provide.ts'

await provide(import.meta.resolve('./src/main.ts'))
