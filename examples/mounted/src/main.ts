import { createAdapter, PermanentError } from '@formbuilder/adapter-sdk'
import { answers, text } from '@formbuilder/adapter-sdk/answers'
import Router from '@koa/router'

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
router.get('/handled', (ctx) => {
  ctx.body = Object.fromEntries(handledByForm)
})

// They come after the adapter's own, with the same limits, the same headers and the same errors.
adapter.app.use(router.routes()).use(router.allowedMethods())

await adapter.start()
