/** `npm run dev`: the adapter on this machine, with its spreadsheets in .development. */
import { develop } from '@formbuilder/submitter/development'

await develop({ main: 'src/main.ts', environment: { CSV_FOLDER: '.development/spreadsheets' } })
