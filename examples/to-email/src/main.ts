/** Starts the adapter with settings from the environment. */
import { createAdapter, loadConfig } from '@formbuilder/adapter-sdk'
import { complaint } from './complaint.ts'
import { createNotify } from './notify.ts'
import { readNotifySettings } from './settings.ts'

const { values, problems } = readNotifySettings(process.env)
// It throws one error with all problems.
const config = loadConfig(process.env, ['complaint'], problems)

const notify = createNotify({ url: values.NOTIFY_URL, apiKey: values.NOTIFY_API_KEY })
const adapter = createAdapter({
  forms: {
    complaint: complaint(notify, {
      templateId: values.NOTIFY_TEMPLATE_ID,
      emailAddress: values.NOTIFY_EMAIL_ADDRESS,
      retentionDays: values.NOTIFY_RETENTION_DAYS,
    }),
  },
})

await adapter.start({ config })
