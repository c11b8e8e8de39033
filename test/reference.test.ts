/** The pages that are written from the code are as the code is. */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { readExamples } from '../docs/reference/examples.ts'
import { pages } from '../docs/reference/tables.ts'

const ROOT = resolve(import.meta.dirname, '..')

describe('the reference', () => {
  for (const [path, text] of pages()) {
    it(`${path} is as the code is; if not, run npm run docs:tables`, () => {
      expect(readFileSync(join(ROOT, path), 'utf8')).to.equal(text)
    })
  }

  for (const [page, ...options] of [
    [
      'form.md',
      'path',
      'aliases?',
      'services?',
      'answers?',
      'repeatable?',
      'timeoutSeconds?',
      'settleSeconds?',
      'advice?',
    ],
    ['form.md', 'handle', 'confirm?', 'serviceSlug', 'submissionId', 'submissionAnswers', 'reference?'],
    [
      'context.md',
      'attempt',
      'signal',
      'receivedAt',
      'attachments',
      'missingAttachments',
      'acting',
      'previousReference?',
    ],
    ['handler-errors.md', 'code', 'reference', 'retryAfterSeconds', 'status'],
    ['start-options.md', 'environment?', 'config?', 'ownsProcess?', 'onEvent?', 'leaseSeconds?', 'forms', 'version?'],
    [
      'test-kit.md',
      'environment?',
      'send',
      'sendUntilAccepted',
      'delivered',
      'ended',
      'attempted',
      'advance',
      'uploads?',
    ],
  ] as const) {
    it(`${page} has ${options.join(', ')}`, () => {
      const text = readFileSync(join(ROOT, 'docs/reference', page), 'utf8')

      expect(options.filter((option) => !text.includes(`\n| \`${option}\` | `))).to.deep.equal([])
    })
  }

  it('has one example of each name', () => {
    const names = readExamples().flatMap(({ module, names }) => names.map((name) => `${module} ${name}`))

    expect(names.filter((name, at) => names.indexOf(name) !== at)).to.deep.equal([])
  })

  it('names files that exist, for every step and every question', () => {
    const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').split('## Rooms')[0] ?? ''
    const named = [...page.matchAll(/`((?:secure-server|adapter-sdk|gp-connect-provider)\/src\/[\w/.-]+)`/g)]

    expect(named).to.have.length.above(15)
    expect(named.filter(([, path = '']) => !existsSync(join(ROOT, 'packages', path)))).to.deep.equal([])
  })
})
