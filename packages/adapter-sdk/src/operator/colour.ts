/** Colours of a terminal. */
import { styleText } from 'node:util'

/** What a text means, which decides how it looks. */
export type Look = 'good' | 'doubtful' | 'bad' | 'title'

/** Colours a text, or leaves it as it is. */
export type Paint = (look: Look | undefined, text: string) => string

/** For a pipe, a file and a terminal without colours. */
export const plain: Paint = (_look, text) => text

/** For a terminal with colours. */
const coloured: Paint = (look, text) =>
  look === undefined ? text : styleText(LOOKS[look], text, { validateStream: false })

/** Colours for what a command prints. */
export function paintOf({ colour }: { readonly colour?: boolean | undefined }): Paint {
  return colour === true ? coloured : plain
}

/** Whether a stream gets colours. FORCE_COLOR (but 0 and false) decides first, then NO_COLOR, then whether it is a terminal. */
export function hasColour(
  isTerminal: boolean,
  { FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
): boolean {
  if (FORCE_COLOR !== undefined) return !/^(0|false)$/.test(FORCE_COLOR)
  return isTerminal && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
}

const LOOKS = { good: 'green', doubtful: 'yellow', bad: 'red', title: 'bold' } as const
