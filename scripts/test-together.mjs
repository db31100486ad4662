/** Runs several files of tests in this process: node --import tsx scripts/test-together.mjs FILES */
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
for (const file of process.argv.slice(2)) require(path.resolve(file));
