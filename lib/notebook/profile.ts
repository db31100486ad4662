/** The profile of a notebook: how much is computed. */
import { checkOneOf } from '../core/errors';

/** `smoke`: seconds, for tests. `quick`: minutes on two CPU cores. `paper`: the paper's scale, on a GPU. */
export type Profile = 'smoke' | 'quick' | 'paper';

/** All profiles, from small to large. */
export const PROFILES: readonly Profile[] = ['smoke', 'quick', 'paper'];

/**
 * The profile that the environment variable LB_PROFILE names; `quick` where it is not set.
 * @throws {OptionError} where it names no profile.
 */
export function profile(): Profile {
  return checkOneOf('LB_PROFILE', process.env.LB_PROFILE || 'quick', PROFILES);
}
