/** The one contract that the embedded and the PostgreSQL store share. */

/** Runs SQL. `$1` stands for the first value. */
export interface Queryable {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

/** An open store. */
export interface Database extends Queryable {
  readonly kind: 'embedded' | 'postgres'
  /** Commits when `work` resolves, rolls back when it throws. Durable when it resolves. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>
  /** Calls back on every `NOTIFY channel` until closed; may miss some, so poll as well. */
  listen(channel: string, onNotify: (payload: string) => void): Promise<{ close(): Promise<void> }>
  /** Resolves when the store has ended by itself and cannot be used again in this process. */
  readonly lost?: Promise<Error>
  close(): Promise<void>
}

/** Name of the schema with our tables. pg-boss has its own beside it. */
export const SCHEMA = 'formbuilder'

/** Name of the schema with captured files, where they are kept in the database. */
export const FILE_SCHEMA = 'formbuilder_files'

/** What pg-boss needs of a database: one function. */
export function bossDatabase(queryable: Queryable): {
  executeSql(text: string, values?: unknown[]): Promise<{ rows: object[] }>
} {
  return { executeSql: async (text, values) => ({ rows: await queryable.query(text, values) }) }
}
