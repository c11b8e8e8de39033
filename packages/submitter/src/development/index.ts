/** The programs behind `npm run dev` and `npm run send` of a project. Subpath ./development. */
import '../../node-version.cjs'

export { type DevelopOptions, develop } from './develop.ts'
export { type Running, runningAdapter } from './running.ts'
