/** Says what is erased of a discarded submission, and when. */

/** How long things are kept, as `ATTACHMENT_KEEP_DAYS` and `KEEP_DAYS` say. */
export interface KeepDays {
  readonly attachmentKeepDays: number
  readonly keepDays: number
}

/** One text for the command and the page. */
export function erasureText({ attachmentKeepDays, keepDays }: KeepDays): string {
  const record = Math.max(keepDays, attachmentKeepDays)
  return (
    `Answers and files are erased ${days(attachmentKeepDays)} after the discard, by the next hourly sweep. ` +
    `The record (ids, code, times, who and why) is erased ${days(record)} after it. Backups keep what they hold until you delete them.`
  )
}

function days(count: number): string {
  return count === 1 ? '1 day' : `${count} days`
}
