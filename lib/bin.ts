#!/usr/bin/env node
/**
 * `npx lookbehind COMMAND`: the commands of the package. Each reads its own options from the rest of the
 * command line.
 */
/** The commands, whose modules run when they are loaded. */
const COMMANDS = new Map<string, () => void>([
  ['sweep', () => require('./cli/sweep')],
  // The tests' program, which `npm run pack` puts there; in a checkout: npm run replay.
  ['replay', () => require('./cli/replay')],
  ['reproduce', () => require('./paper/cli')],
  ['study', () => require('./paper/studyCli')],
  ['doctor', () => require('./cli/doctor')],
]);

const HELP = `npx lookbehind COMMAND [options]

  sweep       runs a grid of configurations and keeps the results
  replay      compares the optimizers with what the official code recorded, number by number
  reproduce   makes a table of the paper
  study       makes a part of the atlas, the results of long runs
  doctor      says which of the optional packages are there, and what to do where something is missing

npx lookbehind COMMAND --help has the options of each.
`;

const [command = '--help'] = process.argv.slice(2);
const run = COMMANDS.get(command);
if (run !== undefined) {
  process.argv.splice(2, 1);
  run();
} else {
  const asked = ['--help', '-h', 'help'].includes(command);
  (asked ? process.stdout : process.stderr).write(
    asked ? HELP : `There is no command ${JSON.stringify(command)}.\n\n${HELP}`,
  );
  process.exitCode = asked ? 0 : 1;
}
