/** Which results the library gives. */

/**
 * Changes where the same configuration no longer gives the same result. Old runs are then not taken for new
 * ones, and committed notebooks count as older than their code.
 */
export const RESULTS_VERSION = 'lookbehind-run/1';
