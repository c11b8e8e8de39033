/** When the sender's queue delivers a submission again. */

/** How long the sender's queue waits after delivery `delivery`, counted from 1, in seconds: 6, 21, 86, 261 ... 25 deliveries in 20 days. */
export function senderRetrySeconds(delivery: number): number {
  return delivery ** 4 + 5
}

/** Number of deliveries after which the sender's queue gives up. */
export const SENDER_DELIVERIES = 25
