/** Captured files in two PostgreSQL tables, for any number of replicas. */
import pg from 'pg'
import { AdapterError } from '../errors.ts'
import { BLOCK_BYTES, type FileStore, inBlocks, isAttachmentId, notFound } from './file-store.ts'

/** What the store asks of a database; a `pg` pool has it. Each query is a transaction of its own. */
export interface Sql {
  query(query: { text: string; values?: unknown[] }): Promise<{ rows: Record<string, unknown>[] }>
}

/**
 * The statements that make the tables in a schema, or leave them as they are: to be run as one query, which is one
 * transaction. Any number of replicas may run it at once.
 */
export function attachmentTables(schema: string): string {
  const { files, rows } = tablesIn(schema)
  return `
    SELECT pg_advisory_xact_lock(hashtextextended(${pg.escapeLiteral(files)}, 0));
    CREATE SCHEMA IF NOT EXISTS ${pg.escapeIdentifier(schema)};
    CREATE TABLE IF NOT EXISTS ${files} (
      id uuid PRIMARY KEY,
      began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      row_count integer
    );
    COMMENT ON COLUMN ${files}.row_count IS 'null until the file is whole';
    CREATE TABLE IF NOT EXISTS ${rows} (
      id uuid NOT NULL REFERENCES ${files} ON DELETE CASCADE,
      number integer NOT NULL,
      bytes bytea NOT NULL,
      PRIMARY KEY (id, number)
    );`
}

/**
 * Keeps a file as rows of 256 KiB. It uses a connection of the pool for one row at a time, and no transaction stays open
 * while the sender or the reader is slow. A file is whole once its count of rows is set, which is the last write.
 */
export function tableStore(sql: Sql, schema: string): FileStore {
  const { files, rows } = tablesIn(schema)

  const remove = async (ids: readonly string[]) => {
    const values = [ids.filter(isAttachmentId)]
    await sql.query({ text: `DELETE FROM ${files} WHERE id = ANY($1::uuid[])`, values })
  }

  return {
    remove,

    async write(id, source) {
      await sql.query({ text: `INSERT INTO ${files} (id) VALUES ($1)`, values: [id] })
      try {
        const count = await insertRows(sql, rows, id, source)
        const text = `UPDATE ${files} SET row_count = $2 WHERE id = $1 RETURNING id`
        const updated = await sql.query({ text, values: [id, count] })
        if (updated.rows.length === 0)
          throw new AdapterError('ERR_STORE_UNAVAILABLE', 'the file was removed while it was written')
      } catch (error) {
        // The sweep removes what cannot be removed now. The first error is the one that explains the failure.
        await remove([id]).catch(() => {})
        throw error
      }
    },

    async *read(id) {
      if (!isAttachmentId(id)) throw notFound()
      const found = await sql.query({ text: `SELECT row_count FROM ${files} WHERE id = $1`, values: [id] })
      const count = found.rows[0]?.['row_count']
      if (typeof count !== 'number') throw notFound()

      const copied = Buffer.allocUnsafeSlow(ROW_BYTES)
      for (let number = 0; number < count; number += 1) {
        const copy = new CopyOut(selectSlices(rows, id, number), copied)
        await sql.query(copy)
        if (copy.bytes === 0) throw new AdapterError('ERR_ATTACHMENT_CORRUPT', 'a part of the file is gone')
        for (let at = 0; at < copy.bytes; at += BLOCK_BYTES)
          yield copied.subarray(at, Math.min(at + BLOCK_BYTES, copy.bytes))
      }
    },

    async *list(olderThanSeconds) {
      const text = `SELECT id FROM ${files} WHERE began_at < clock_timestamp() - $1 * interval '1 second' AND id > $2 ORDER BY id LIMIT ${PAGE}`
      for (let after = NIL; ; ) {
        const page = await sql.query({ text, values: [olderThanSeconds, after] })
        for (const { id } of page.rows) {
          after = String(id)
          yield after
        }
        if (page.rows.length < PAGE) return
      }
    },
  }
}

const ROW_BYTES = 262_144
const PAGE = 500
const NIL = '00000000-0000-0000-0000-000000000000'

async function insertRows(sql: Sql, rows: string, id: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  // These commits need not be waited for. The log of the database is one sequence: the commit that sets the count of rows
  // is waited for, and brings all before it to the disk.
  const text = `
    WITH unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO ${rows} (id, number, bytes) SELECT $1::uuid, $2::integer, $3::bytea FROM unhurried`
  let count = 0
  for await (const bytes of inBlocks(source, ROW_BYTES)) {
    await sql.query({ text, values: [id, count, bytes] })
    count += 1
  }
  return count
}

/**
 * A row of a file, in slices: what `pg` receives it gathers in memory, at several times the size of the largest message.
 * COPY accepts no parameters. No part of the text comes from outside: the id was checked to be a UUID.
 */
function selectSlices(rows: string, id: string, number: number): string {
  return `
    SELECT substring(bytes FROM slice * ${SLICE_BYTES} + 1 FOR ${SLICE_BYTES})
    FROM ${rows}, generate_series(0, ${ROW_BYTES / SLICE_BYTES - 1}) AS slice
    WHERE id = '${id}' AND number = ${number} AND slice * ${SLICE_BYTES} < length(bytes)
    ORDER BY slice`
}

const SLICE_BYTES = 16_384

/**
 * Copies rows of one bytea each, one behind the other. `pg` reads the results of queries as text, and PostgreSQL needs
 * thrice the time to write a bytea as text; COPY is the one way to have it in binary.
 */
class CopyOut extends pg.Query {
  readonly text: string
  readonly #into: Buffer
  #started = false
  #bytes = 0

  constructor(select: string, into: Buffer) {
    const text = `COPY (${select}) TO STDOUT (FORMAT binary)`
    super({ text })
    this.text = text
    this.#into = into
  }

  /** How many bytes were copied. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Called by `pg` for each message, whose memory it uses again. A message is a row: a count of fields, which is 1, or -1
   * after the last row; the length of the field; the field. In front of the first are signature, flags and extension.
   */
  handleCopyData({ chunk }: { chunk: Buffer }): void {
    const row = this.#started ? chunk : chunk.subarray(COPY_HEADER_BYTES)
    this.#started = true
    if (row.byteLength > 6) this.#bytes += row.copy(this.#into, this.#bytes, 6)
  }
}

const COPY_HEADER_BYTES = 19

function tablesIn(schema: string): { files: string; rows: string } {
  const quoted = pg.escapeIdentifier(schema)
  return { files: `${quoted}.attachment`, rows: `${quoted}.attachment_row` }
}
