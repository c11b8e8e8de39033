#!/usr/bin/env node
import '../dist/stand-in/main.js'
