import { LookbehindError } from '../../core/errors';

/** A function cannot be compiled, or a compiled one cannot run with what it was given. */
export class CompileError extends LookbehindError {}
