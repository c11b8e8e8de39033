#!/usr/bin/env node
// CommonJS and old syntax, so that every Node can read it and say which one is needed. Not built: npm links a command only if
// its file exists when it installs, and that is before the first build.
require('../node-version.cjs')

import('../dist/main.js')
