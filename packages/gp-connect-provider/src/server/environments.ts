/** The environments of the Spine, with what a public source names of each. What none names, the supplier has to say. */

/** One environment. */
export interface Environment {
  /** The host at which consumers reach the Spine Security Proxy; undefined if no source names it. */
  readonly proxyHost: string | undefined
  /** The names in the certificate with which the proxy connects to providers; undefined if no source names them. */
  readonly fqdns: readonly string[] | undefined
}

/** The names of the environments. */
export type EnvironmentName = 'dev' | 'opentest' | 'int' | 'dep' | 'live'

/** Every environment by its name. The certificates of their authorities come from the Spine, not from here. */
export const ENVIRONMENTS: Readonly<Record<EnvironmentName, Environment>> = {
  // nhsconnect/gpconnect-demonstrator, CertificateValidator.java; nhsconnect/gpconnect-provider-testing.
  dev: { proxyHost: 'proxy.dev.spine2.ncrs.nhs.uk', fqdns: ['msg.dev.spine2.ncrs.nhs.uk'] },
  // NHSDigital/integration-adaptor-gpc-consumer, README.md.
  opentest: { proxyHost: 'proxy.opentest.hscic.gov.uk', fqdns: undefined },
  // The same, SspUriBuilderTest.java.
  int: { proxyHost: 'proxy.int.spine2.ncrs.nhs.uk', fqdns: undefined },
  dep: { proxyHost: undefined, fqdns: undefined },
  live: { proxyHost: undefined, fqdns: undefined },
}

/** The names that the proxy's certificate may have: those of the settings, else those of the environment; undefined if neither has any. */
export function fqdnsOf({
  fqdns,
  environment,
}: {
  readonly fqdns?: readonly string[]
  readonly environment?: EnvironmentName
}): readonly string[] | undefined {
  return fqdns ?? (environment && ENVIRONMENTS[environment].fqdns)
}
