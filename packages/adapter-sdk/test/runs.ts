/** How many inputs a property is tried with: a tenth of them in `npm run test:quick`. */
export function runs(full: number): number {
  return process.env['TEST_QUICK'] === '1' ? Math.ceil(full / 10) : full
}
