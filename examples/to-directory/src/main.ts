import { createAdapter } from '@formbuilder/adapter-sdk'
import { saveTo } from './save.ts'

const save = saveTo(process.env['OUTPUT_DIR'] ?? './submissions')

const adapter = createAdapter({ forms: { submission: { path: '/v2/submission', repeatable: true, handle: save } } })

await adapter.start()
