/** Starts the adapter with settings from the environment. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { complaint } from './complaint.ts'

const file = process.env['OUTPUT_FILE'] || './submissions/complaints.csv'

await createAdapter({ forms: { complaint: complaint(file) } }).start()
