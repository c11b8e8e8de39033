/** The provider with nothing but node:http. */
import { HANDLERS } from '@formbuilder/example-gp-connect-provider/interactions'
import { formatResource, ProviderError } from '@formbuilder/gp-connect-provider'
import { provider, settings, stopOnSignal } from './example.ts'

const running = await provider.start(settings, async (request, response) => {
  const transaction = await provider.guard(request, response)
  if (transaction === 'refused') return
  const handler = HANDLERS[transaction.interaction.id]
  // What is thrown here is answered as an OperationOutcome.
  if (handler === undefined) throw new ProviderError('NOT_IMPLEMENTED')
  const resource = handler(transaction, { set: (name, value) => response.setHeader(name, value) })
  const { contentType, body } = formatResource(resource, transaction)
  response.setHeader('Content-Type', contentType).end(body)
})
stopOnSignal(running)
