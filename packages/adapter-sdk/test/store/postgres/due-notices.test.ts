import { expect } from 'chai'
import { DueNotices } from '../../../src/store/postgres/due-notices.ts'

describe('notices of what is due', () => {
  /** A server that passes on each NOTIFY to all that listen, as PostgreSQL does, also to the one that sent it. */
  function server() {
    const listeners = new Set<(payload: string) => void>()
    const sent: string[] = []
    const connection = () => ({
      async query(_statement: unknown, [from]: readonly unknown[]) {
        sent.push(String(from))
        for (const each of listeners) each(String(from))
        return []
      },
      async listen(_channel: string, onNotify: (payload: string) => void) {
        listeners.add(onNotify)
        return { close: async () => void listeners.delete(onNotify) }
      },
    })
    return { sent, connection }
  }

  it('wake the own worker once each time, and the others once for many', async () => {
    const { sent, connection } = server()
    const [ours, theirs] = [new DueNotices(connection()), new DueNotices(connection())]
    const woken = { ours: 0, theirs: 0 }
    await ours.listen(() => {
      woken.ours += 1
    })
    await theirs.listen(() => {
      woken.theirs += 1
    })

    for (let n = 0; n < 100; n++) ours.tell()
    const atOnce = { ...woken }
    await ours.close()

    expect(atOnce).to.deep.equal({ ours: 100, theirs: 0 })
    expect(woken).to.deep.equal({ ours: 100, theirs: 1 })
    expect(sent).to.have.length(1)
  })

  it('send what was told last when the store is closed, and nothing when all was sent', async () => {
    const { sent, connection } = server()
    const notices = new DueNotices(connection())

    notices.tell()
    await notices.close()
    await notices.close()

    expect(sent).to.have.length(1)
  })

  it('wake nobody who has stopped to listen', async () => {
    const { connection } = server()
    const notices = new DueNotices(connection())
    let woken = 0
    const listening = await notices.listen(() => {
      woken += 1
    })

    await listening.close()
    notices.tell()
    await notices.close()

    expect(woken).to.equal(0)
  })

  it('fail no caller when the server is gone', async () => {
    const notices = new DueNotices({
      query: async () => {
        throw new Error('gone')
      },
      listen: async () => ({ close: async () => undefined }),
    })

    notices.tell()
    await notices.close()
  })
})
