/** The examples: every one is listed, starts with one command, and has what it says in a test of its own. */
import { globSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { expect } from 'chai'
import { readBlocks } from './guide.ts'

const FOLDER = resolve(import.meta.dirname, '../examples')
const EXAMPLES = globSync('*/README.md', { cwd: FOLDER })
  .map((file) => file.replace('/README.md', ''))
  .sort()

describe('the examples', () => {
  it('are listed on one page, each in one sentence', () => {
    const page = readFileSync(join(FOLDER, 'README.md'), 'utf8')
    const listed = [...page.matchAll(/^\| \[([\w-]+)\]\(\1\/README\.md\) \| ([^|]+) \|$/gm)]

    expect(listed.map(([, name]) => name).sort()).to.deep.equal(EXAMPLES)
  })

  for (const name of EXAMPLES) {
    describe(name, () => {
      const { scripts } = JSON.parse(readFileSync(join(FOLDER, name, 'package.json'), 'utf8'))
      const blocks = readBlocks(join(FOLDER, name, 'README.md')).filter(({ language }) => language === 'sh')

      it('starts with one command, which builds what it needs', () => {
        expect(blocks[0]?.text).to.equal('npm start\n')
        expect(scripts.prestart).to.equal('node ../ready.mjs')
        expect(scripts.start).to.match(/^node (bundle\.ts && node )?dev\.ts$/)
      })

      it('is tested as its README prints it', () => {
        const tests = globSync(join(FOLDER, name, 'test/**/*.test.ts')).map((file) => readFileSync(file, 'utf8'))

        const isPrinted = (text: string) => new RegExp(`(start|ask)Printed(Example|Provider)\\('${name}'`).test(text)
        expect(tests.filter(isPrinted), basename(name)).to.have.length(1)
      })
    })
  }
})
