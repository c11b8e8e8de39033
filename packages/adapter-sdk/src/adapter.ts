/** Makes an adapter from forms. Nothing starts until `start` is called. */
import { createApp } from '@formbuilder/secure-server'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type Koa from 'koa'
import { loadConfig, problemsWith } from './config.ts'
import { AdapterError } from './errors.ts'
import type { AdapterEvent } from './events.ts'
import type { Answers, AsSent, Form } from './form.ts'
import { ownPackage, PACKAGE } from './package-folder.ts'
import { printConfigErrors } from './process.ts'
import type { RunningAdapter, StartOptions } from './start.ts'

/**
 * Forms by name, each with the type of its own answers: a name is lower-case letters, digits and hyphens.
 * Mapped over the answers and not over the schemas: for a form without a schema there is none to infer, and then the
 * handlers of all other forms would lose their types.
 */
export type Forms<AnswersByForm extends Record<string, unknown> = Record<string, unknown>> = {
  readonly [Name in keyof AnswersByForm]: Form<StandardSchemaV1<unknown, Given<AnswersByForm[Name]>>>
}

/** For a form without a schema nothing is inferred: its handler gets the answers as they were sent. */
type Given<Inferred> = unknown extends Inferred ? Answers<AsSent> : Inferred

/** The paths of the forms: one that is written out and does not begin with "/" does not compile. */
export type FormPaths<PathsByForm extends Record<string, string>> = {
  readonly [Name in keyof PathsByForm]: Paths<PathsByForm[Name]>
}

/** The path and the aliases of one form, as they are written out. */
export interface Paths<Path extends string> {
  readonly path: Path & Rooted<Path>
  readonly aliases?: readonly (Path & Rooted<Path>)[]
}

/** What a path has to be. One that is computed, and so any text to the compiler, is checked when the adapter is created. */
export type Rooted<Path extends string> = string extends Path ? Path : `/${string}`

/** Options of `createAdapter`. */
export interface AdapterOptions<AnswersByForm extends Record<string, unknown> = Record<string, unknown>> {
  readonly forms: Forms<AnswersByForm>
  /** The version of your adapter. Only a sender with the form's key can read it. Default: name and version of this package; in a bundle the name alone. */
  readonly version?: string
  /** Called with every event, in addition to the log. Must not throw. */
  readonly onEvent?: (event: AdapterEvent) => void
}

/** An adapter that has not been started. */
export interface Adapter {
  /** Plain Koa for your own routes: add them before `start`. They run after the adapter's routes. */
  readonly app: Koa
  readonly forms: readonly string[]
  /** The paths at which each form receives: its `path`, then its `aliases`. */
  readonly paths: ReadonlyMap<string, readonly string[]>
  /** The version in the options, or its default. */
  readonly version: string
  /**
   * Opens the store, listens, and delivers waiting submissions.
   * @throws {AdapterError} ERR_CONFIG_INVALID, ERR_STORE_UNAVAILABLE, ERR_PORT_UNAVAILABLE
   */
  start(options?: StartOptions): Promise<RunningAdapter>
}

/**
 * Makes an adapter from forms.
 * @throws {AdapterError} ERR_FORM_INVALID: names the form and what to change.
 */
export function createAdapter<
  AnswersByForm extends Record<string, unknown>,
  const PathsByForm extends Record<string, string> = Record<string, string>,
>(options: AdapterOptions<AnswersByForm> & { readonly forms: FormPaths<PathsByForm> }): Adapter {
  // Each form is only ever called with the answers that its own schema returned.
  const forms = new Map<string, Form>(Object.entries(options.forms as Forms))
  assertForms(forms)
  const app = createApp()
  const names = [...forms.keys()]
  const version = options.version ?? sdkVersion()
  return {
    app,
    forms: names,
    paths: new Map([...forms].map(([name, form]) => [name, [form.path, ...(form.aliases ?? [])]])),
    version,
    async start(start = {}) {
      try {
        const config =
          start.config ?? loadConfig(start.environment, names, problemsWith(start.settings, start.environment))
        const sinks = [options.onEvent, start.onEvent].filter((sink) => sink !== undefined)
        const { run } = await import('./start.ts')
        return await run({ ...start, forms, app, config, sinks, version })
      } catch (error) {
        if (start.ownsProcess ?? true) printConfigErrors(error)
        throw error
      }
    },
  }
}

/** Types a form that is in its own file: its handler gets the types of its schema. */
export function defineForm<Schema extends StandardSchemaV1 = AsSent, const Path extends string = string>(
  form: Form<Schema> & Paths<Path>,
): Form<Schema> {
  return form
}

function sdkVersion(): string {
  const version = ownPackage()?.version
  return version === undefined ? PACKAGE : `${PACKAGE} ${version}`
}

function assertForms(forms: ReadonlyMap<string, Form>): void {
  const problems: string[] = []
  if (forms.size === 0) problems.push('there is no form')
  const paths = new Map<string, string>()
  for (const [name, form] of forms) {
    if (!/^[a-z][a-z0-9-]{0,49}$/.test(name))
      problems.push(`form "${name}": a name is lower-case letters, digits and hyphens`)
    for (const path of [form.path, ...(form.aliases ?? [])]) {
      if (!/^(\/[\w.~-]+)+$/.test(path))
        problems.push(`form "${name}": path must be like /v2/complaint, without a slash at its end`)
      if (RESERVED.test(path)) problems.push(`form "${name}": the path ${path} belongs to the adapter`)
      const other = paths.get(path)
      if (other !== undefined) problems.push(`forms "${other}" and "${name}" have the same path ${path}`)
      paths.set(path, name)
    }
    if (typeof form.handle !== 'function') problems.push(`form "${name}": handle must be a function`)
    const seconds = form.timeoutSeconds ?? 300
    if (!(seconds >= 1 && seconds <= 3600)) problems.push(`form "${name}": timeoutSeconds must be 1 to 3600`)
    const settles = form.settleSeconds ?? seconds
    if (!(settles >= 1 && settles <= 3600)) problems.push(`form "${name}": settleSeconds must be 1 to 3600`)
  }
  if (problems.length === 0) return
  const error = new AdapterError('ERR_FORM_INVALID', problems.join('; '))
  printConfigErrors(error)
  throw error
}

const RESERVED = /^\/(health|readiness|metrics|v1\/attachments)(\/|$)/
