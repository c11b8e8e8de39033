/** The provider with Fastify. */
import { HANDLERS } from '@formbuilder/example-gp-connect-provider/interactions'
import { formatResource, ProviderError, type Transaction } from '@formbuilder/gp-connect-provider'
import Fastify from 'fastify'
import { provider, settings, stopOnSignal } from './example.ts'

declare module 'fastify' {
  interface FastifyRequest {
    transaction: Transaction
  }
}

const app = Fastify()

app.addHook('onRequest', async (request, reply) => {
  const transaction = await provider.guard(request.raw, reply.raw)
  if (transaction === 'refused') return reply.hijack()
  request.transaction = transaction
})

// The guard has read and checked the body, so that there is nothing left to parse.
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', async (request: { readonly transaction: Transaction }) => request.transaction.body)

app.all('*', async ({ transaction }, reply) => {
  const handler = HANDLERS[transaction.interaction.id]
  if (handler === undefined) throw new ProviderError('NOT_IMPLEMENTED')
  const resource = handler(transaction, { set: (name, value) => reply.header(name, value) })
  const { contentType, body } = formatResource(resource, transaction)
  return reply.header('Content-Type', contentType).send(body)
})

// Fastify would answer with an error of its own form.
app.setErrorHandler(async (error, _request, reply) => {
  reply.hijack()
  await provider.fail(reply.raw, error)
})

await app.ready()
stopOnSignal(await provider.start(settings, app.routing))
