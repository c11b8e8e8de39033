#!/usr/bin/env node
// Not built: npm links a command only if its file exists when it installs, and that is before the first build.
import { main } from '../dist/cli.js'

process.exitCode = await main(process.argv.slice(2), process)
