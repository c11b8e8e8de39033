/** Links from a submission to its trace and its log, made of the templates of the settings. */
import type { Config } from '../../config.ts'

/** Where the trace and the log of a submission are. */
export type Links = (of: {
  readonly submissionId: string
  readonly traceId: string | null
}) => readonly { readonly text: string; readonly href: string }[]

/** A template that needs an id which a submission does not have makes no link. */
export function linksOf(config: Pick<Config, 'OPERATOR_TRACE_URL' | 'OPERATOR_LOG_URL'>): Links {
  const templates = [
    ['Trace', config.OPERATOR_TRACE_URL],
    ['Log', config.OPERATOR_LOG_URL],
  ] as const
  return (ids) =>
    templates.flatMap(([text, template]) => {
      if (template === undefined || (template.includes('{traceId}') && ids.traceId === null)) return []
      const href = template
        .replaceAll('{submissionId}', encodeURIComponent(ids.submissionId))
        .replaceAll('{traceId}', ids.traceId ?? '')
      return [{ text, href }]
    })
}
