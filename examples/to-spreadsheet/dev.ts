/** `npm start`: the example with a certificate and a shared key of its own. */
import { develop } from '../develop.ts'

await develop(import.meta.resolve('./src/main.ts'))
