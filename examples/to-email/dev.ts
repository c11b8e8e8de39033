/** `npm start`: the example with a certificate and a shared key of its own, and a stand-in for Notify. */
import { develop } from '../develop.ts'
import { startNotify } from './stand-in.ts'

const given = process.env['NOTIFY_API_KEY'] === undefined ? await standIn() : {}
await develop(import.meta.resolve('./src/main.ts'), given)

async function standIn(): Promise<Record<string, string>> {
  const notify = await startNotify({
    // What a mailbox would show. There are no citizens here.
    onEmail: ({ email_address, personalisation }) =>
      console.log(`An e-mail to ${email_address}: ${personalisation['name']} writes: ${personalisation['complaint']}`),
  })
  return {
    NOTIFY_URL: notify.url,
    NOTIFY_API_KEY: notify.apiKey,
    NOTIFY_TEMPLATE_ID: notify.templateId,
    NOTIFY_EMAIL_ADDRESS: 'complaints@example.com',
  }
}
