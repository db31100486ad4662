/**
 * Stops with one clear message on a Node.js that the project does not support.
 *
 * Every script imports this module first: ES modules are evaluated in the order of their imports, so the
 * check comes before anything that an old Node.js could trip over.
 */

/** The major versions of Node.js that are supported. */
export const SUPPORTED_NODE = [22, 24, 26];
const INSTALL = 24;

/**
 * What is wrong with this version of Node.js and what to do, or an empty string where it is supported.
 * @param {string} version as in `process.versions.node`
 */
export function nodeProblem(version) {
  const major = Number(version.split('.')[0]);
  if (SUPPORTED_NODE.includes(major)) return '';
  const [oldest, newest] = [Math.min(...SUPPORTED_NODE), Math.max(...SUPPORTED_NODE)];
  const tested = `${SUPPORTED_NODE.slice(0, -1).join(', ')} and ${newest}`;
  const reason =
    major < oldest
      ? `it is past its end, and the project needs ${tested}`
      : `the project is tested on ${tested}`;
  return (
    `Node.js ${version} is not supported: ${reason}.\n  What to do: install Node.js ${INSTALL} ` +
    `(https://nodejs.org, or "nvm install ${INSTALL}") and run the command again.\n  To try it all the ` +
    'same, set LB_ANY_NODE=1.'
  );
}

const problem = nodeProblem(process.versions.node);
if (problem && !process.env.LB_ANY_NODE) {
  console.error(problem);
  process.exit(1);
}
