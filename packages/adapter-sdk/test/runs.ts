/** How many inputs a property is tried with: 1,000 at most in `npm run test:quick`. */
export function runs(full: number): number {
  return process.env['TEST_QUICK'] === '1' ? Math.min(full, 1000) : full
}
