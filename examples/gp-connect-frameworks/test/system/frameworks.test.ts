/** The recorded cases against the provider with Express, with Fastify and with bare node:http. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import {
  dependsOnMode,
  fixtureCases,
  runCase,
  type Subject,
} from '../../../../packages/gp-connect-provider/test/cases/case.ts'
import { Pki } from '../../../../packages/gp-connect-provider/test/pki.ts'
import {
  fits,
  type StartedExample,
  startExample,
  subjectOf,
} from '../../../../packages/gp-connect-provider/test/started-example.ts'

/** Built: it starts sooner. */
const PROGRAMS = resolve(import.meta.dirname, '../../dist')

describe('a GP Connect provider with', () => {
  let pki: Pki
  let folder: string

  before(async () => {
    pki = await Pki.create()
    folder = mkdtempSync(join(tmpdir(), 'gp-connect-frameworks-'))
  })

  after(async () => {
    await pki[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const framework of ['express', 'fastify', 'node']) {
    for (const mode of ['strict', 'respond'] as const) {
      describe(`${framework}, ${mode} mode`, () => {
        let example: StartedExample
        let subject: Subject

        before(async () => {
          const AUDIT_FILE = join(folder, `${framework}-${mode}.jsonl`)
          example = await startExample([join(PROGRAMS, `${framework}.js`)], pki, { CLIENT_CERT_MODE: mode, AUDIT_FILE })
          subject = subjectOf(example, pki, mode)
        })

        after(() => example.stop())

        const cases = fixtureCases().filter((one) => fits(one) && (mode === 'strict' || dependsOnMode(one)))
        for (const one of cases) {
          for (const profile of one.profiles) {
            it(`${one.id} ${profile}`, async () => expect(await runCase(one, profile, subject)).to.deep.equal([]))
          }
        }

        it('writes nothing to its log that names a patient, and nothing to stderr', () => {
          expect(example.stdout()).to.not.match(/9000000009|9000000017|eyJ|identifier=|Patient\/1|GCASDS0001/)
          expect(example.stderr()).to.equal('')
        })
      })
    }
  }
})
