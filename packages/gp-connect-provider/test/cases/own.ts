/** Conformance cases of our own, in the shape of the fixture file: every row of the specification's tables. */
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

/** All of them. */
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
