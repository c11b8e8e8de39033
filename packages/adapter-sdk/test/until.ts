/** Waits for a condition, never for a time. */

/** Resolves when `condition` holds, or is truthy after it resolved; asked again and again until the test's own time is over. */
export async function until(condition: () => unknown): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10))
}
