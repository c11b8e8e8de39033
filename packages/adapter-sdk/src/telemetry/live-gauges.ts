/** The three gauges that the alert rules of the live deployment read, in exactly its text. */
import type { Counts } from '../store/entry.ts'

/** Submissions ever delivered; waiting or running without a failure so far; failed, and now waiting for a retry or dead. */
export function liveGauges(counts: Counts): string {
  const { delivered, waiting, running, retrying, dead } = counts
  return [
    gauge('delayed_jobs_successful', 'Number of successful jobs', delivered),
    gauge('delayed_jobs_pending', 'Number of pending jobs', waiting + running - retrying),
    gauge('delayed_jobs_failed', 'Number of jobs failed', retrying + dead),
  ].join('\n')
}

// TYPE before HELP, and a blank line after each gauge: as recorded from the live deployment.
function gauge(name: string, help: string, value: number): string {
  return `# TYPE ${name} gauge\n# HELP ${name} ${help}\n${name} ${value}\n`
}
