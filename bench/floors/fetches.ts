/** Floor of handing over: the same calls of `fetch`, so many at a time, and no store. Each message says how many. */
const target = process.env['BENCH_TARGET'] ?? ''
const concurrency = Number(process.env['BENCH_CONCURRENCY'])

process.on('message', (count: number) => {
  let left = count
  const body = '72c49803-e9c3-42ac-bde1-09c04595a2d3'
  async function call(): Promise<void> {
    while (left > 0) {
      left -= 1
      await fetch(target, { method: 'POST', body })
    }
  }
  for (let n = 0; n < concurrency; n++) void call()
})
process.send?.('ready')
