/** What happens once a CRL is past its nextUpdate. */

/**
 * `hard-fail` refuses the clients of the CRL's authority. Otherwise they are accepted for so many hours more (0 to 168), unless
 * the CRL lists them; a missing CRL refuses them all the same.
 */
export type StaleCrlPolicy = 'hard-fail' | { readonly acceptHours: number }

/** For how long after its nextUpdate a CRL is still used. NaN if the policy is not one of the two. */
export function staleMillisecondsOf(policy: StaleCrlPolicy = 'hard-fail'): number {
  if (policy === 'hard-fail') return 0
  const { acceptHours } = Object(policy) as { readonly acceptHours?: unknown }
  return typeof acceptHours === 'number' ? acceptHours * HOUR_MILLISECONDS : Number.NaN
}

/** Why a policy cannot be used, or undefined. */
export function staleCrlProblem(policy: StaleCrlPolicy | undefined): string | undefined {
  const milliseconds = staleMillisecondsOf(policy)
  if (milliseconds >= 0 && milliseconds <= HOURS_MAX * HOUR_MILLISECONDS) return undefined
  return `clientCertificates.staleCrl is neither hard-fail nor acceptHours between 0 and ${HOURS_MAX}`
}

const HOUR_MILLISECONDS = 3_600_000
const HOURS_MAX = 168
