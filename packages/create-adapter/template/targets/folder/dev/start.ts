/** `npm run dev`: the adapter on this machine, with its folder in .development. */
import { develop } from '@formbuilder/submitter/development'

await develop({ main: 'src/main.ts', environment: { OUTPUT_FOLDER: '.development/submissions' } })
