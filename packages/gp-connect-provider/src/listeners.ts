/** Calls listeners that others have written, whose errors must not change what the provider does. */

/** The listener, with its errors ignored: an answer and its record must not depend on a log or a metric. */
export function tolerant<Event>(listener: (event: Event) => void): (event: Event) => void {
  return (event) => {
    try {
      listener(event)
    } catch {}
  }
}
