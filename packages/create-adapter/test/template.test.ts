import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { RUNNERS, type Runner, TARGETS, type Target } from '../src/choices.ts'
import { filesOf } from '../src/template.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const COMBINATIONS = (Object.keys(TARGETS) as Target[]).flatMap((target) =>
  (Object.keys(RUNNERS) as Runner[]).map((tests) => ({ target, tests })),
)
const forms = ['complaint', 'date', 'delete-my-account']

describe('the template', () => {
  it('takes from npm exactly the versions that this repository is tested with', () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    for (const choices of COMBINATIONS) {
      const { dependencies, devDependencies } = manifestOf(choices)
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        const ours = packages[`node_modules/${name}`] ?? packages[`packages/submitter/node_modules/${name}`]
        const found = name.startsWith('@formbuilder/')
          ? packages[`packages/${name.replace('@formbuilder/', '')}`].version
          : ours.version
        expect(version, name).to.equal(found)
      }
    }
  })

  it('has dependencies in the order in which npm writes them', () => {
    for (const choices of COMBINATIONS) {
      const { dependencies, devDependencies } = manifestOf(choices)
      for (const names of [Object.keys(dependencies), Object.keys(devDependencies)])
        expect(names).to.deep.equal([...names].sort())
    }
  })

  it('names in .env.example every setting of the target that has no default', () => {
    for (const [target, name] of [
      ['http', 'CASE_SYSTEM_URL'],
      ['http', 'CASE_SYSTEM_TOKEN'],
      ['notify', 'NOTIFY_API_KEY'],
      ['notify', 'NOTIFY_TEMPLATE_ID'],
      ['notify', 'NOTIFY_EMAIL_ADDRESS'],
      ['csv', 'CSV_FOLDER'],
      ['folder', 'OUTPUT_FOLDER'],
    ] as const) {
      const files = filesOf({ folder: '', name: 'project', forms, target, tests: 'node' })
      expect(files.get('.env.example')).to.match(new RegExp(`^${name}=$`, 'm'))
      expect(files.get('src/settings.ts')).to.match(new RegExp(`\\b${name}: `))
    }
  })

  it('leaves no trace of the form that it was written with', () => {
    for (const choices of COMBINATIONS) {
      const files = filesOf({ folder: '', name: 'project', forms: ['appeal'], ...choices })
      const traces = [...files].filter(([file, text]) => /complaint/i.test(file + text)).map(([file]) => file)
      expect(traces, `${choices.target} ${choices.tests}`).to.deep.equal([])
    }
  })
})

function manifestOf(choices: { target: Target; tests: Runner }) {
  const files = filesOf({ folder: '', name: 'project', forms, ...choices })
  return JSON.parse(files.get('package.json') ?? '') as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
}
