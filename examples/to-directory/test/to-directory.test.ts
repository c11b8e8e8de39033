import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeDevelopmentCertificate, TestFileStore } from '@formbuilder/adapter-sdk/testing'
import { expect } from 'chai'
import { startPrintedExample } from '../../../test/printed-example.ts'
import { type StartedProgram, startProgram } from '../../../test/started-program.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

describe('the example that saves to a directory', () => {
  let folder: string
  let fileStore: TestFileStore
  let program: StartedProgram

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'submissions-'))
    const certificate = await makeDevelopmentCertificate()
    fileStore = await TestFileStore.start(certificate)
    const environment = { OUTPUT_DIR: folder, ATTACHMENT_HOSTS: fileStore.origin }
    program = await startProgram(main, { certificate, environment })
  })
  after(async () => {
    await program.stop()
    await fileStore.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('saves the answers, and the files under names that stay in their folder', async () => {
    const links = ['letter.pdf', '../../etc/passwd', null].map((filename) =>
      fileStore.link({ filename, mimetype: 'text/plain', content: Buffer.from(`content of ${filename}`) }),
    )

    const submissionAnswers = { name_text_1: 'Ada' }
    const { submissionId } = await program.send('/v2/submission', { submissionAnswers, attachments: links })
    await program.line((line) => line['event'] === 'submission.delivered' && line['submissionId'] === submissionId)

    const saved = join(folder, submissionId)
    expect(readdirSync(folder)).to.deep.equal([submissionId])
    expect(readdirSync(saved).sort()).to.deep.equal(['1-letter.pdf', '2-_.._etc_passwd', '3-file', 'answers.json'])
    expect(readFileSync(join(saved, '1-letter.pdf'), 'utf8')).to.equal('content of letter.pdf')
    const record = JSON.parse(readFileSync(join(saved, 'answers.json'), 'utf8'))
    expect(record).to.deep.include({ submissionId, serviceSlug: 'test', submissionAnswers })
  })

  it('runs as its README says', async () => {
    await using example = await startPrintedExample('to-directory', (folder) => ({ OUTPUT_DIR: join(folder, 'saved') }))

    const submissionId = await example.send()

    expect(readdirSync(join(example.folder, 'saved'))).to.deep.equal([submissionId])
  })
})
