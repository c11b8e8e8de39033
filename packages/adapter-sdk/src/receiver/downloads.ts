/** GET /v1/attachments/<id>: captured files in clear, for the case system, to whoever has the link. */
import type { Readable } from 'node:stream'
import Router from '@koa/router'
import { create as contentDisposition } from 'content-disposition'
import type { Context, Middleware } from 'koa'
import { AdapterError } from '../errors.ts'
import { type Emit, errorName } from '../events.ts'
import { refuseMethod } from './problems.ts'

/** A file that can be read. */
export interface OpenFile {
  readonly filename: string | null
  readonly mimetype: string | null
  /** Of the file in clear. */
  readonly bytes: number
  /** Resolves with the content once its first bytes are known to be good. */
  open(): Promise<Readable>
}

/** Koa middleware that serves files. `find` throws ERR_ATTACHMENT_NOT_FOUND. */
export function downloads(options: { find(id: string): Promise<OpenFile>; readonly emit: Emit }): Middleware {
  const router = new Router()
  router.get(PATH, async (ctx) => {
    const id = String(ctx.params['id'])
    try {
      await serve(ctx, id, options)
    } catch (error) {
      if (error instanceof AdapterError) options.emit({ event: 'attachment.refused', code: error.code })
      throw error
    }
  })
  router.all(PATH, (ctx) => refuseMethod(ctx, ['GET', 'HEAD']))
  return router.routes() as unknown as Middleware // the router's own context type extends Koa's
}

const PATH = '/v1/attachments/:id'

async function serve(ctx: Context, id: string, { find, emit }: Parameters<typeof downloads>[0]): Promise<void> {
  if (!UUID.test(id)) throw new AdapterError('ERR_ATTACHMENT_NOT_FOUND', 'no such file')
  const started = performance.now()
  const file = await find(id.toLowerCase())
  ctx.set('Content-Disposition', contentDisposition(safeName(file.filename)))
  ctx.set('Content-Type', MEDIA_TYPE.test(file.mimetype ?? '') ? (file.mimetype as string) : 'application/octet-stream')
  // It is a stranger's file: no browser is to run what is in it.
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox")
  ctx.length = file.bytes
  ctx.status = 200
  if (ctx.method === 'HEAD') return
  const content = await file.open()
  content.on('error', (error) => emit({ event: 'internal.failed', during: 'download', code: errorName(error) }))
  content.on('end', () => {
    const milliseconds = Math.round(performance.now() - started)
    emit({ event: 'attachment.served', id, bytes: file.bytes, milliseconds })
  })
  ctx.body = content
  ctx.length = file.bytes
}

/**
 * The last part of a name, as one that can be saved anywhere. Control characters and lone surrogates have no place in a
 * header (RFC 6266, RFC 8187); marks that turn the direction of writing make one ending look like another.
 */
function safeName(filename: string | null): string {
  const last = (filename ?? '').split(/[/\\]/).at(-1) ?? ''
  const name = last.toWellFormed().replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '')
  return /^[\s.]*$/.test(name) ? 'attachment' : name
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const MEDIA_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/
