#!/usr/bin/env node
import '../dist/verify-audit.js'
