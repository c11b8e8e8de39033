/** Runs a submission through a form, as the adapter does, and returns the bytes that it would send to Optics. */
import { readFileSync } from 'node:fs'
import type { Context, Form } from '@formbuilder/adapter-sdk'
import { type CaseSystem, comment, complaint, enquiry, feedback } from '../src/index.ts'

/** One example that was recorded from the Ruby adapter. */
export interface Recorded {
  readonly name: string
  readonly note: string
  readonly route: { readonly path: string }
  readonly submission: {
    readonly serviceSlug: string
    readonly submissionId: string
    readonly submissionAnswers: unknown
    readonly attachments?: readonly { readonly filename: string | null; readonly mimetype: string | null }[] | null
  }
  readonly now: string
  readonly env: Readonly<Record<string, string>>
  readonly expect: {
    readonly opticsRequestBodyRaw: string
    readonly tokenRequest: { readonly assertion: string }
  }
}

export function recorded(file: string): readonly Recorded[] {
  // The fixtures are our own files, so their shape is known.
  return JSON.parse(readFileSync(new URL(`fixtures/${file}.json`, import.meta.url), 'utf8')) as Recorded[]
}

/** One recorded example by its name. */
export function recordedAs(file: string, name: string): Recorded {
  const example = recorded(file).find((candidate) => candidate.name === name)
  if (example === undefined) throw new Error(`${name} is not in ${file}`)
  return example
}

/** The result of a form: the fields that its schema refused, or the body that it would send. */
export type Mapped = { readonly refused: readonly string[] } | { readonly body: string }

export async function map(
  { route, submission, env, now }: Pick<Recorded, 'route' | 'submission' | 'env' | 'now'>,
  options: { timeZone?: string; externalId?: boolean } = {},
): Promise<Mapped> {
  const bodies: string[] = []
  const optics: CaseSystem = {
    timeZone: options.timeZone ?? 'UTC',
    attemptSeconds: 300,
    settleSeconds: 120,
    async createCase(body) {
      bodies.push(body.toString('utf8'))
      return {}
    },
    ...(options.externalId && { findCase: async () => undefined }),
  }
  // The forms have different types of answers. Here, as in the SDK, they are treated alike.
  const forms = [
    complaint(optics),
    comment(optics, env['COMMENT_TYPE'] ?? ''),
    feedback(optics),
    enquiry(optics),
  ] as unknown as Form[]
  const form = forms.find(({ path }) => path === route.path)
  const checked = await form?.answers?.['~standard'].validate(submission.submissionAnswers)
  if (form === undefined || checked === undefined) throw new Error(`no form at ${route.path}`)
  if (checked.issues) return { refused: checked.issues.map(({ path }) => (path ?? []).map(String).join('.')) }

  const context = {
    signal: new AbortController().signal,
    receivedAt: new Date(now),
    attachments: (submission.attachments ?? []).map(({ filename, mimetype }, index) => ({
      filename,
      mimetype,
      url: `https://${env['HOST']}/v1/attachments/{attachment-id-${index + 1}}`,
    })),
  } as unknown as Context
  // The schema of the form returned it.
  const submissionAnswers = checked.value as Readonly<Record<string, unknown>>
  await form.handle({ ...submission, submissionAnswers }, context)
  return { body: bodies.join() }
}

/** One field of the body that the form sends, or what was refused. */
export async function field(example: Parameters<typeof map>[0], name: string): Promise<unknown> {
  const mapped = await map(example)
  return 'body' in mapped ? JSON.parse(mapped.body)[name] : mapped
}

/** A complaint with these answers, and the team that every complaint needs. */
export function complaintWith(answers: Readonly<Record<string, unknown>>, now = '2026-01-15T10:20:30Z') {
  return {
    route: { path: '/v2/complaint' },
    submission: {
      serviceSlug: 'hmcts-complaint-form-eng',
      submissionId: '72c49803-e9c3-42ac-bde1-09c04595a2d3',
      submissionAnswers: { courtortribunalyourcomplaintisabout_autocomplete_1: '111', ...answers },
      attachments: [],
    },
    env: { HOST: 'adapter.example.gov.uk' },
    now,
  }
}
