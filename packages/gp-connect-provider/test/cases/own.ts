/** Further conformance cases in the format of the fixture file, one for every row of the specification's tables. */
import { answers } from './answers.ts'
import { bodies } from './bodies.ts'
import type { Case } from './case.ts'
import { certificates } from './certificates.ts'
import { claims } from './claims.ts'
import { formats } from './formats.ts'
import { interactions } from './interactions.ts'
import { releases } from './releases.ts'
import { scopes } from './scopes.ts'
import { sspHeaders } from './ssp-headers.ts'
import { suites } from './suites.ts'
import { tokens } from './tokens.ts'

/** All further cases. */
export function moreCases(): readonly Case[] {
  return [
    ...certificates(),
    ...suites(),
    ...sspHeaders(),
    ...interactions(),
    ...tokens(),
    ...claims(),
    ...scopes(),
    ...formats(),
    ...answers(),
    ...bodies(),
    ...releases(),
  ]
}
