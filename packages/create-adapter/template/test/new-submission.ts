/** Prints a new submission: `npm run send` sends it. */
import { newSubmission } from './submission.ts'

console.log(JSON.stringify(newSubmission()))
