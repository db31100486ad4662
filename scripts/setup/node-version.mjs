/**
 * Stops with one clear message on a Node.js that the project does not support.
 *
 * Every script imports this module first: ES modules are evaluated in the order of their imports, so the check comes
 * before anything that an old Node.js could trip over.
 */

/** The major versions of Node.js that are supported. */
export const SUPPORTED_NODE = [20, 22];
const FIRST_MINOR_OF_20 = 11;

/**
 * What is wrong with this version of Node.js and what to do, or an empty string where it is supported.
 * @param {string} version as in `process.versions.node`
 */
export function nodeProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  const newEnough = major !== 20 || minor >= FIRST_MINOR_OF_20;
  if (SUPPORTED_NODE.includes(major) && newEnough) return '';
  const reason =
    major > 22
      ? 'TensorFlow.js 4.22 uses functions that Node.js 23 removed'
      : `the project is tested on Node.js 20 (from 20.${FIRST_MINOR_OF_20}) and 22`;
  return (
    `Node.js ${version} is not supported: ${reason}.\n` +
    '  What to do: install Node.js 22 (https://nodejs.org, or "nvm install 22") and run the command again.\n' +
    '  To try it all the same, set LB_ANY_NODE=1.'
  );
}

const problem = nodeProblem(process.versions.node);
if (problem && !process.env.LB_ANY_NODE) {
  console.error(problem);
  process.exit(1);
}
