/** The bare Koa application of our servers. */
import Koa from 'koa'

/** An application that prints nothing: errors are reported by events, and Koa would print their stacks. */
export function createApp(): Koa {
  const app = new Koa()
  app.silent = true
  return app
}
