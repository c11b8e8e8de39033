import { createAdapter, loadConfig, PermanentError, readSettings, required } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import { isAuthorised } from '@formbuilder/secure-server'
import Router from '@koa/router'
import type { Context, Next } from 'koa'

const { values, problems } = readSettings(
  {
    HANDLED_AUTH_USERNAME: required('User name for /internal/handled'),
    HANDLED_AUTH_PASSWORD: required('Password for /internal/handled', { secret: true }),
  },
  process.env,
)
const handledByForm = new Map<string, number>()

const adapter = createAdapter({
  forms: {
    complaint: {
      path: '/v2/complaint',
      repeatable: true,
      answers: answers({ yourcomplaint_textarea_1: text }),
      async handle({ submissionAnswers }) {
        // Nothing was sent anywhere, so it is certain that nothing was made, and repeating cannot help.
        if (submissionAnswers.yourcomplaint_textarea_1.length < 10)
          throw new PermanentError('the complaint is too short')
        handledByForm.set('complaint', (handledByForm.get('complaint') ?? 0) + 1)
      },
    },
  },
})

const router = new Router({ prefix: '/internal' })
// It stands in the route itself: of a middleware for the path /internal, the router leaves out what matches /INTERNAL.
router.get('/handled', onlyOperators, (ctx) => {
  ctx.body = Object.fromEntries(handledByForm)
})

// They come after the adapter's own, with the same limits, the same headers and the same errors.
adapter.app.use(router.routes()).use(router.allowedMethods())

await adapter.start({ config: loadConfig(process.env, adapter.forms, problems) })

/** The port is public, so every route of one's own has to ask who is there. */
async function onlyOperators(ctx: Context, next: Next): Promise<void> {
  const credentials = { username: values.HANDLED_AUTH_USERNAME, password: values.HANDLED_AUTH_PASSWORD }
  if (isAuthorised(ctx.get('Authorization'), credentials)) return await next()
  ctx.set('WWW-Authenticate', 'Basic realm="internal", charset="UTF-8"')
  ctx.status = 401
}
