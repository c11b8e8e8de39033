/** The forms of this adapter. */
import { createAdapter } from '@formbuilder/adapter-sdk'
import { complaint } from './complaint.ts'

export const adapter = createAdapter({ forms: { complaint } })
