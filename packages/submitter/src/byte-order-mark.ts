/** Reads files that an editor or a shell of Windows has written: they may begin with a byte order mark. */

/** The bytes in UTF-8 and without the mark. UTF-16, as PowerShell writes it, is recognised by its own mark. */
export function withoutMark(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Decoding UTF-8 would replace what is none, and hide it from the checks that come after.
  if (buffer.subarray(0, UTF8.byteLength).equals(UTF8)) return buffer.subarray(UTF8.byteLength)
  for (const [mark, encoding] of MARKS)
    if (buffer.subarray(0, mark.byteLength).equals(mark))
      return Buffer.from(new TextDecoder(encoding).decode(buffer.subarray(mark.byteLength)))
  return buffer
}

const UTF8 = Buffer.from([0xef, 0xbb, 0xbf])
const MARKS = [
  [Buffer.from([0xff, 0xfe]), 'utf-16le'],
  [Buffer.from([0xfe, 0xff]), 'utf-16be'],
] as const
