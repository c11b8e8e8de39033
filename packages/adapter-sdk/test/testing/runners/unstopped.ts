import { createAdapter } from '@formbuilder/adapter-sdk'
import { startTestAdapter, type TestAdapter } from '@formbuilder/adapter-sdk/testing'

/** Starts an adapter as a hook does, for tests that never stop it. One submission waits for a retry that comes in six hours. */
export async function startUnstopped(): Promise<TestAdapter> {
  const adapter = createAdapter({
    forms: {
      complaint: {
        path: '/v2/complaint',
        repeatable: true,
        async handle() {
          throw new Error('the case system is unavailable')
        },
      },
    },
  })
  const { DATABASE_URL, ADMIN_PORT } = process.env
  const test = await startTestAdapter(adapter, {
    environment: {
      RETRY_DELAY_SECONDS: '21600',
      RETRY_DELAY_MAX_SECONDS: '21600',
      ...(ADMIN_PORT !== undefined && {
        ADMIN_PORT,
        ADMIN_AUTH_USERNAME: 'ann',
        ADMIN_AUTH_PASSWORD: 'a password of hers',
      }),
      ...(DATABASE_URL !== undefined && { DATABASE_URL }),
    },
  })
  const { submissionId } = await test.send('/v2/complaint')
  await test.attempted(submissionId)
  return test
}
