/** Answers GET /v1/attachments/<id> with the decrypted file, to any caller that knows the id. */
import type { Readable } from 'node:stream'
import { MIMEType } from 'node:util'
import Router from '@koa/router'
import contentDisposition from 'content-disposition'
import type { Context, Middleware } from 'koa'
import { AdapterError } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { ReportFailure } from '../telemetry/failures.ts'
import { refuseMethod } from './problems.ts'

/** A captured file, ready to be read. */
export interface OpenFile {
  readonly filename: string | null
  readonly mimetype: string | null
  /** Size of the decrypted file. */
  readonly bytes: number
  /** Resolves with the decrypted content once its first bytes have been read. */
  open(): Promise<Readable>
}

export interface DownloadOptions {
  /** Throws ERR_ATTACHMENT_NOT_FOUND for an id without a file. */
  readonly findFile: (id: string) => Promise<OpenFile>
  readonly emit: Emit
  readonly reportFailure: ReportFailure
}

/** Koa middleware that serves files. */
export function downloads(options: DownloadOptions): Middleware {
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

async function serve(ctx: Context, id: string, { findFile, emit, reportFailure }: DownloadOptions): Promise<void> {
  if (!UUID.test(id)) throw new AdapterError('ERR_ATTACHMENT_NOT_FOUND', 'there is no such file')
  const started = performance.now()
  const file = await findFile(id.toLowerCase())
  ctx.set('Content-Disposition', disposition(safeName(file.filename)))
  ctx.set('Content-Type', mediaType(file.mimetype) ?? 'application/octet-stream')
  // A stranger uploaded the file: no browser may run what is in it.
  ctx.set('Content-Security-Policy', "default-src 'none'; sandbox")
  ctx.length = file.bytes
  ctx.status = 200
  if (ctx.method === 'HEAD') return
  const content = await file.open()
  content.on('error', (error) => reportFailure('download', error))
  content.on('end', () => {
    const milliseconds = Math.round(performance.now() - started)
    emit({ event: 'attachment.served', id, bytes: file.bytes, milliseconds })
  })
  ctx.body = content
  ctx.length = file.bytes
}

/**
 * The last part of a file name, safe to save anywhere. Headers allow no control characters or lone surrogates (RFC 6266,
 * RFC 8187), and characters that change the direction of writing can disguise a file's extension.
 */
function safeName(filename: string | null): string {
  const last = (filename ?? '').split(/[/\\]/).at(-1) ?? ''
  const name = last.toWellFormed().replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '')
  return /^[\s.]*$/.test(name) ? 'attachment' : name
}

/** The header of a file to save. Readers of plain ASCII only find "?" for every other character. */
function disposition(name: string): string {
  const header = contentDisposition(name, { fallback: name.replace(/[^ -~]/g, '?') })
  // RFC 6266: a name of letters, digits and marks needs no quotes.
  return header.replace(/filename="([!#$%&'*+.^_`|~\w-]+)"/, 'filename=$1')
}

/** The type of a file as sent, with its character set and no other parameter: they can hold names. */
function mediaType(sent: string | null): string | undefined {
  try {
    const { essence, params } = new MIMEType(sent ?? '')
    if (!MEDIA_TYPE.test(essence)) return undefined
    const charset = params.get('charset') ?? ''
    return CHARSET.test(charset) ? `${essence}; charset=${charset}` : essence
  } catch {
    return undefined
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const MEDIA_TYPE = /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}$/
const CHARSET = /^[A-Za-z0-9][\w.:+-]{0,39}$/
