/** Loaded by mocha: when all tests have ended and something still keeps the process alive, says what, and ends it. */

/** Called once, after the last test. */
export function mochaGlobalTeardown(): void {
  const tell = () => {
    console.error(`The tests have left open: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit() // with the status that mocha has decided on
  }
  setTimeout(tell, GRACE_MILLISECONDS).unref()
}

const GRACE_MILLISECONDS = 30_000
