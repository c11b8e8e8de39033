/** Validates NHS numbers. */

/** Whether a text is ten digits, the last of which is the modulus 11 check digit of the others. */
export function isNhsNumber(text: string): boolean {
  if (!/^\d{10}$/.test(text)) return false
  let sum = 0
  for (let at = 0; at < 9; at++) sum += Number(text[at]) * (10 - at)
  const check = (11 - (sum % 11)) % 11
  return check === Number(text[9])
}
