#!/usr/bin/env node
import { Console } from 'node:console';
import { main } from './program.js';

// Standard output belongs to results: what libraries have to say (a download has begun) goes where the progress bars go.
globalThis.console = new Console(process.stderr, process.stderr);

process.exitCode = await main(process.argv.slice(2));
