/** Creates the empty Koa application that each of our servers starts from. */
import Koa from 'koa'

/** Creates a Koa application that prints nothing. Koa would print the stacks of errors; we emit events instead. */
export function createApp(): Koa {
  const app = new Koa()
  app.silent = true
  return app
}
