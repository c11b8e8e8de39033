/** Captured files in two PostgreSQL tables, for any number of replicas. */
import { type AttachmentStore, inBlocks, isAttachmentId, notFound } from './attachment-store.ts'
import { AdapterError } from './errors.ts'

/** What the store asks of a database; a `pg` pool has it. Each query is a transaction of its own. */
export interface Sql {
  query(query: { text: string; values?: unknown[]; binary?: boolean }): Promise<{ rows: Record<string, unknown>[] }>
}

/**
 * The statements that make the tables in a schema, or leave them as they are: to be run as one query, which is one
 * transaction. Any number of replicas may run it at once.
 */
export function attachmentTables(schema: string): string {
  const { files, blocks } = tablesIn(schema)
  return `
    SELECT pg_advisory_xact_lock(hashtextextended(${literal(files)}, 0));
    CREATE SCHEMA IF NOT EXISTS ${identifier(schema)};
    CREATE TABLE IF NOT EXISTS ${files} (
      id uuid PRIMARY KEY,
      began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      block_count integer
    );
    COMMENT ON COLUMN ${files}.block_count IS 'null until the file is whole';
    CREATE TABLE IF NOT EXISTS ${blocks} (
      id uuid NOT NULL REFERENCES ${files} ON DELETE CASCADE,
      number integer NOT NULL,
      bytes bytea NOT NULL,
      PRIMARY KEY (id, number)
    );`
}

/**
 * Keeps files as rows of blocks. A file takes a connection of the pool for one block at a time, and no transaction
 * stays open while the sender is slow: a file is whole when its count of blocks is set, last.
 */
export function tableStore(sql: Sql, schema: string): AttachmentStore {
  const { files, blocks } = tablesIn(schema)

  const remove = async (ids: readonly string[]) => {
    const values = [ids.filter(isAttachmentId)]
    await sql.query({ text: `DELETE FROM ${files} WHERE id = ANY($1::uuid[])`, values })
  }

  return {
    remove,

    async write(id, source) {
      await sql.query({ text: `INSERT INTO ${files} (id) VALUES ($1)`, values: [id] })
      try {
        let count = 0
        for await (const bytes of inBlocks(source)) {
          const text = `INSERT INTO ${blocks} (id, number, bytes) VALUES ($1, $2, $3)`
          await sql.query({ text, values: [id, count, bytes] })
          count += 1
        }
        const text = `UPDATE ${files} SET block_count = $2 WHERE id = $1 RETURNING id`
        const { rows } = await sql.query({ text, values: [id, count] })
        if (rows.length === 0)
          throw new AdapterError('ERR_INBOX_UNAVAILABLE', 'the file was removed while it was written')
      } catch (error) {
        // What cannot be removed now is found by the sweep; the first failure is the one that says why.
        await remove([id]).catch(() => {})
        throw error
      }
    },

    async *read(id) {
      if (!isAttachmentId(id)) throw notFound()
      const count = await sql.query({ text: `SELECT block_count FROM ${files} WHERE id = $1`, values: [id] })
      const blockCount = count.rows[0]?.['block_count']
      if (typeof blockCount !== 'number') throw notFound()

      for (let number = 0; number < blockCount; number += 1) {
        const text = `SELECT bytes FROM ${blocks} WHERE id = $1 AND number = $2`
        // Binary: as text a bytea travels in hexadecimal, at twice its size.
        const { rows } = await sql.query({ text, values: [id, number], binary: true })
        const bytes = rows[0]?.['bytes']
        if (!Buffer.isBuffer(bytes)) throw new AdapterError('ERR_ATTACHMENT_CORRUPT', 'a part of the file is gone')
        yield bytes
      }
    },

    async *list(olderThan) {
      const text = `SELECT id FROM ${files} WHERE began_at < $1 AND id > $2 ORDER BY id LIMIT ${PAGE}`
      for (let after = NIL; ; ) {
        const { rows } = await sql.query({ text, values: [olderThan, after] })
        for (const { id } of rows) {
          after = String(id)
          yield after
        }
        if (rows.length < PAGE) return
      }
    },
  }
}

const PAGE = 500
const NIL = '00000000-0000-0000-0000-000000000000'

function tablesIn(schema: string): { files: string; blocks: string } {
  return { files: `${identifier(schema)}.attachment`, blocks: `${identifier(schema)}.attachment_block` }
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
