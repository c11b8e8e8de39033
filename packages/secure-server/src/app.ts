/** The empty Koa application that every server here starts from. */
import Koa from 'koa'

/** An application that prints nothing: errors are reported as events, whereas Koa would print their stacks. */
export function createApp(): Koa {
  const app = new Koa()
  app.silent = true
  return app
}
