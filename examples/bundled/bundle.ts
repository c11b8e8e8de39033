/** Bundles the adapter, with all its packages, into two files. */
import { join } from 'node:path'
import { build } from 'esbuild'

/** Writes `main.mjs`, which starts it, and `store-thread.mjs`, which has to lie beside it: the store runs in threads. */
export async function bundle(folder: string): Promise<void> {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: { main: 'src/main.ts', 'store-thread': '@formbuilder/adapter-sdk/store-thread' },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node24', logLevel: 'warning' },
    // Only needed with SENTRY_DSN, and then installed beside the bundle.
    external: ['@sentry/node'],
    // Some packages are CommonJS, and call require.
    banner: { js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url)" },
  })
}

if (import.meta.main) await bundle(join(import.meta.dirname, 'out'))
