import { unlink } from 'node:fs/promises'
import { expect } from 'chai'
import { WatchedFiles } from '../../src/tls/watched-files.ts'
import { expectRejection } from '../harness.ts'
import { PemFolder } from '../pki.ts'

describe('WatchedFiles', () => {
  let folder: PemFolder
  let files: WatchedFiles
  beforeEach(async () => {
    folder = await PemFolder.create()
    files = new WatchedFiles([await folder.write('a', 'one'), await folder.write('b', 'one')])
    await files.read('ERR_TRUST_INVALID')
  })
  afterEach(() => folder[Symbol.asyncDispose]())

  it('waits until both files of a pair stop changing', async () => {
    const looks: boolean[] = []
    await folder.write('a', 'two')
    looks.push(await files.changed(0))
    await folder.write('b', 'two')
    looks.push(await files.changed(250), await files.changed(500))

    expect(looks).to.deep.equal([false, false, true])
    expect((await files.read('ERR_TRUST_INVALID')).map(String)).to.deep.equal(['two\n', 'two\n'])
    expect(await files.changed(750)).to.equal(false)
  })

  it('waits at most a second for files that keep changing', async () => {
    const looks: boolean[] = []
    for (let now = 0; now <= 1000; now += 250) {
      await folder.write('a', `${now}`)
      looks.push(await files.changed(now))
    }

    expect(looks).to.deep.equal([false, false, false, false, true])
  })

  it('notices new contents of the same size', async () => {
    await folder.write('a', 'two')
    await files.changed(0)
    await folder.write('a', 'six')

    expect([await files.changed(0), await files.changed(0)]).to.deep.equal([false, true])
  })

  it('reports no change when contents stay the same, or change back', async () => {
    await folder.replace('a', 'one')
    const touched = [await files.changed(0), await files.changed(0)]
    await folder.write('a', 'two')
    await files.changed(0)
    await folder.write('a', 'one')

    expect([...touched, await files.changed(0), await files.changed(0)]).to.deep.equal([false, false, false, false])
  })

  it('notices a file that disappears and reappears, and names the file that it cannot read', async () => {
    await unlink(`${folder.path}/b`)
    expect([await files.changed(0), await files.changed(0)]).to.deep.equal([false, true])
    const { message } = await expectRejection(files.read('ERR_TRUST_INVALID'), 'ERR_TRUST_INVALID')
    expect(message).to.equal(`${folder.path}/b cannot be read (ENOENT)`)
    expect(await files.changed(0)).to.equal(false)

    await folder.write('b', 'two')

    expect([await files.changed(0), await files.changed(0)]).to.deep.equal([false, true])
  })
})
