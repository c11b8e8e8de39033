/** The provider with Express. */
import { HANDLERS } from '@formbuilder/example-gp-connect-provider/interactions'
import { formatResource, ProviderError } from '@formbuilder/gp-connect-provider'
import express, { type NextFunction, type Request, type Response } from 'express'
import { provider, settings, stopOnSignal } from './example.ts'

const app = express()

// No parser of bodies is needed: the guard has read and checked the body, and the transaction has it.
app.use(async (request, response) => {
  const transaction = await provider.guard(request, response)
  if (transaction === 'refused') return
  const handler = HANDLERS[transaction.interaction.id]
  if (handler === undefined) throw new ProviderError('NOT_IMPLEMENTED')
  const { contentType, body } = formatResource(handler(transaction, response), transaction)
  response.type(contentType).send(body)
})

// Express takes a function of four arguments for what is thrown. Without it, it would answer with a page in HTML.
app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => provider.fail(response, error))

stopOnSignal(await provider.start(settings, app))
