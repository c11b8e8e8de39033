/** Examples of the names of @formbuilder/submitter/development. */
import { type DevelopOptions, develop, type Running, runningAdapter } from '@formbuilder/submitter/development'

// develop, DevelopOptions
{
  const options: DevelopOptions = { main: 'src/main.ts', environment: { CASE_SYSTEM_URL: 'http://127.0.0.1:4000' } }
  await develop(options)
}

// runningAdapter, Running
{
  const running: Running | undefined = runningAdapter()
  console.log(running === undefined ? 'Start it first: npm run dev' : `Sending to ${running.url}/v2/complaint`)
}
