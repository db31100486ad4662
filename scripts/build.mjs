/** `npm run build`: compiles lib/ to lib/dist and shows what the compiler says. */
import './setup/node-version.mjs';
import { readCommandLine } from './setup/command-line.mjs';
import { buildLibrary } from './setup/library.mjs';
import { Processes } from './setup/processes.mjs';
import { projectAt } from './setup/project.mjs';

readCommandLine('Usage: npm run build\n\nCompiles lib/ to lib/dist.', {});
const { code, output } = await buildLibrary(projectAt(), new Processes());
process.stdout.write(output);
process.exitCode = code;
