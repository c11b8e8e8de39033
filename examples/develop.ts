/** What every example needs to start on a developer's machine: `npm start` in its folder. */
import { developmentEnvironment } from '@formbuilder/adapter-sdk/testing'

/**
 * Starts a program with the settings of development: a certificate, a shared key and a store in `.development`, and `given`.
 * What the environment has already stays.
 */
export async function develop(main: string, given: Readonly<Record<string, string>> = {}): Promise<void> {
  Object.assign(process.env, await developmentEnvironment('.development', { ...given, ...process.env }))
  console.log(`https://localhost:${process.env['PORT']} accepts submissions: type "npm run send" in another terminal.`)
  await import(main)
}
