#!/usr/bin/env node
/**
 * `npx lookbehind COMMAND`: the commands of the package. Each reads its own options from the rest of the command line.
 */
/** The module of each command, which runs when it is loaded. */
const COMMANDS = { sweep: './cli/sweep', reproduce: './paper/cli', doctor: './cli/doctor' } as const;

const HELP = `npx lookbehind COMMAND [options]

  sweep       runs a grid of configurations and keeps the results
  reproduce   makes a table of the paper
  doctor      says which of the optional packages are there, and what to do where something is missing

npx lookbehind COMMAND --help has the options of each.
`;

const [command = '--help'] = process.argv.slice(2);
if (Object.hasOwn(COMMANDS, command)) {
  process.argv.splice(2, 1);
  require(COMMANDS[command as keyof typeof COMMANDS]);
} else {
  const asked = ['--help', '-h', 'help'].includes(command);
  (asked ? process.stdout : process.stderr).write(asked ? HELP : `There is no command ${JSON.stringify(command)}.\n\n${HELP}`);
  process.exitCode = asked ? 0 : 1;
}
