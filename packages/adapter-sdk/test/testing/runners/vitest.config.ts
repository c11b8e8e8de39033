// biome-ignore lint/style/noDefaultExport: vitest reads the default export of its configuration
export default { test: { include: ['**/runners/*.vitest.ts'] } }
