import { expect } from 'chai'
import { groupCommit } from '../../src/store/group-commit.ts'

describe('a group commit', () => {
  /** Writes that end when they are told to. */
  function controlled() {
    const batches: { items: readonly number[]; end: (failure?: Error) => void }[] = []
    const write = (items: readonly number[]) =>
      new Promise<number[]>((resolve, reject) => {
        batches.push({ items, end: (failure) => (failure ? reject(failure) : resolve(items.map((item) => item * 10))) })
      })
    return { batches, write }
  }
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

  it('writes what comes together in one batch, and what comes meanwhile in the next', async () => {
    const { batches, write } = controlled()
    const commit = groupCommit(write, 100)

    const first = [commit.add(1), commit.add(2)]
    await turn()
    const second = [commit.add(3), commit.add(4)]
    await turn()
    const whileFirst = batches.length
    batches[0]?.end()
    expect(await Promise.all(first)).to.deep.equal([10, 20])
    await turn()
    batches[1]?.end()

    expect(whileFirst).to.equal(1)
    expect(await Promise.all(second)).to.deep.equal([30, 40])
    expect(batches.map(({ items }) => items)).to.deep.equal([
      [1, 2],
      [3, 4],
    ])
  })

  it('resolves nobody before the batch is written', async () => {
    const { batches, write } = controlled()
    const commit = groupCommit(write, 100)
    let resolved = false

    const added = commit.add(1).then(() => {
      resolved = true
    })
    await turn()
    const before = resolved
    batches[0]?.end()
    await added

    expect([before, resolved]).to.deep.equal([false, true])
  })

  it('fails all of a batch that fails, and goes on with the next', async () => {
    const { batches, write } = controlled()
    const commit = groupCommit(write, 100)

    const failed = Promise.allSettled([commit.add(1), commit.add(2)])
    await turn()
    const next = commit.add(3)
    batches[0]?.end(new Error('disk full'))
    await turn()
    batches[1]?.end()

    expect((await failed).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    expect(await next).to.equal(30)
  })

  it('bounds a batch, keeps the order, and counts who waits', async () => {
    const { batches, write } = controlled()
    const commit = groupCommit(write, 2)

    const added = [1, 2, 3, 4, 5].map((item) => commit.add(item))
    await turn()
    const waiting = commit.waiting
    for (const index of [0, 1, 2]) {
      batches[index]?.end()
      await turn()
    }

    expect(waiting).to.equal(3)
    expect(await Promise.all(added)).to.deep.equal([10, 20, 30, 40, 50])
    expect(batches.map(({ items }) => items)).to.deep.equal([[1, 2], [3, 4], [5]])
  })

  it('writes as many batches at a time as it may, and the next as soon as one has ended', async () => {
    const { batches, write } = controlled()
    const commit = groupCommit(write, 1, 2)

    const added = [1, 2, 3].map((item) => commit.add(item))
    await turn()
    const atOnce = batches.length
    batches[1]?.end()
    expect(await added[1]).to.equal(20)
    const afterOne = batches.length
    batches[0]?.end()
    batches[2]?.end()

    expect([atOnce, afterOne]).to.deep.equal([2, 3])
    expect(await Promise.all(added)).to.deep.equal([10, 20, 30])
  })
})
