import { serveRuns } from './sweep/process.js';

serveRuns();
